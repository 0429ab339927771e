import { expect, test } from 'vitest';
import { bcvkOptions } from '../matrix/bcvk-options.ts';
import { defaultCell } from '../matrix/cell.ts';
import { bcvkSupportOf, type LaunchWishes, launchArguments } from './launch-arguments.ts';

const wishes: LaunchWishes = {
  name: 'bootc-tmt-k3x9a0bz-plans-readonly',
  image: 'localhost/bootc',
  labels: ['bootc.test=1', 'bootc.run=20261124-150203-k3x9a0bz'],
  bcvkOptions: bcvkOptions(defaultCell, { secureBootKeysDir: 'target/secure-boot-keys', kernelArguments: ['debug'] }),
  bindStorage: true,
  snapshot: true,
  logFolder: '/repo/target/runs/1/cell/plan',
};

test('the command line of bcvk is as it was', async () => {
  const vectors = [
    { logDir: true, consoleLog: true, snapshot: true },
    { logDir: true, consoleLog: false, snapshot: false },
    { logDir: false, consoleLog: false, snapshot: false },
  ].map((support) => launchArguments(wishes, support).join('\n'));
  await expect(`${vectors.join('\n\n')}\n`).toMatchFileSnapshot('golden/launch-arguments.txt');
});

test('the options for logs are read from the help', () => {
  const help = '      --log-dir <STREAMS=DIR>\n          Write VM log streams\n';
  expect(bcvkSupportOf(help)).toEqual({ logDir: true, consoleLog: false, snapshot: false });
  expect(
    bcvkSupportOf(`${help}      --console-log <F>\n      --platform-console-log <F>\n      --snapshot  x\n`),
  ).toEqual({
    logDir: true,
    consoleLog: true,
    snapshot: true,
  });
  expect(bcvkSupportOf('see --log-dir')).toEqual({ logDir: false, consoleLog: false, snapshot: false });
});
