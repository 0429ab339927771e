import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { quoteCommand } from '@workbench/run';
import { expect, test } from 'vitest';
import { type TmtRun, tmtCommand, tmtEnvironment } from './tmt-command.ts';

const run: TmtRun = {
  tmt: 'target/tools/venv/bin/tmt',
  contexts: { running_env: 'image_mode', distro: 'debian', VARIANT_ID: 'unknown' },
  environment: { BOOTC_variant: 'composefs', BOOTC_plan_nonce: '0123', BOOTC_test_note: 'two words' },
  workFolder: '/tmp/bootc-tmt-k3x9a0bz/1',
  target: { port: 2222, keyFile: '/tmp/bootc-tmt-k3x9a0bz/vm.ssh-key' },
  plan: '/plans/integration/plan-01-readonly',
  tests: [],
};

test('the command line of tmt is as it was', async () => {
  const argv = tmtCommand(run);
  await expect(`${argv.map((word) => quoteCommand([word])).join('\n')}\n`).toMatchFileSnapshot(
    'golden/tmt-command.txt',
  );
});

test('of a plan some tests can be chosen; the one that ends it always runs', () => {
  const argv = tmtCommand({ ...run, tests: ['status', 'readonly/boot'] });
  expect(argv.slice(-2)).toEqual(['test', '--name=status|readonly/boot|/finish$']);
  expect(argv.slice(0, -2)).toEqual(tmtCommand(run));
});

test("tmt's own waits are stretched", () => {
  expect(tmtEnvironment(6)).toMatchObject({ TMT_CONNECT_TIMEOUT: '720', TMT_REBOOT_TIMEOUT: '3600' });
});

test('tmt itself, not only its tests, knows where its scripts go', () => {
  expect(tmtEnvironment(1)).toMatchObject({ TMT_SCRIPTS_DIR: '/var/lib/tmt/scripts' });
});

test('tmt loads our plugins', () => {
  expect(existsSync(join(tmtEnvironment(1).TMT_PLUGINS ?? '', 'quick_ssh_master.py'))).toBe(true);
});
