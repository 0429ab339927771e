import { cpSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTree } from './make-tree.testing.ts';
import { cfs, cfsctl } from './run-both.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'image-tools-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);
beforeAll(() => makeTree(at('tree')));

describe('mkcomposefs', () => {
  const options = [
    [],
    ['--use-epoch'],
    ['--skip-devices'],
    ['--skip-xattrs'],
    ['--user-xattrs'],
    ['--hardlinks'],
    ['--min-version', '1'],
    ['--max-version', '0'],
    ['--min-version=1', '--max-version', '2', '--skip-devices', '--use-epoch', '--skip-xattrs'],
    ['--min-version', '2'],
    ['--threads', '2'],
  ];
  test.each(options.map((given) => [given]))('%j', async (given) => {
    const args = ['mkcomposefs', '--print-digest-only', ...given, at('tree')];
    expect(await cfs(args)).toEqual(await cfsctl(args));
    const whole = ['mkcomposefs', ...given, at('tree'), '-'];
    expect(await cfs(whole)).toEqual(await cfsctl(whole));
  });
  test('from a dumpfile', async () => {
    const dump = Buffer.from((await cfsctl(['--no-repo', '--hash', 'sha256', 'create-dumpfile', at('tree')])).stdout);
    for (const given of [[], ['--use-epoch', '--skip-devices', '--skip-xattrs']]) {
      const args = ['mkcomposefs', '--from-file', ...given, '-', '-'];
      expect(await cfs(args, dump)).toEqual(await cfsctl(args, dump));
    }
    for (const args of [['--from-file', at('nothing'), '-'], [at('nothing'), '-'], [at('tree')], ['--nope'], []]) {
      expect(await cfs(['mkcomposefs', ...args])).toEqual(await cfsctl(['mkcomposefs', ...args]));
    }
  });
  test('writes a file, and the objects beside it', async () => {
    const list = (path: string) => readdirSync(path, { recursive: true }).sort();
    const args = (name: string) => [
      'mkcomposefs',
      '--print-digest',
      '--digest-store',
      at(`${name}-store`),
      at('tree'),
      at(`${name}.img`),
    ];
    expect(await cfs(args('ours'))).toEqual(await cfsctl(args('theirs')));
    expect(readFileSync(at('ours.img'))).toEqual(readFileSync(at('theirs.img')));
    expect(list(at('ours-store'))).toEqual(list(at('theirs-store')));
  });
});

test('a link of that name is that program', async () => {
  const program = fileURLToPath(new URL('./cfs.ts', import.meta.url));
  for (const name of ['mkcomposefs', 'composefs-info']) symlinkSync(program, at(name));
  const call = async (name: string, ...args: string[]) => {
    const { stdout } = await run([process.execPath, at(name), ...args], { step: `call ${name}` });
    return stdout;
  };
  const args = ['--print-digest-only', at('tree')];
  expect(await call('mkcomposefs', ...args)).toBe((await cfsctl(['mkcomposefs', ...args])).stdout);
  expect(await call('composefs-info', 'measure-file', at('tree/usr/65'))).toBe(
    (await cfsctl(['composefs-info', 'measure-file', at('tree/usr/65')])).stdout,
  );
});

describe('composefs-info', () => {
  beforeAll(async () => {
    await cfsctl(['mkcomposefs', at('tree'), at('info.img')]);
    const digest = 'b'.repeat(64);
    const dump = [
      '/ 0 40755 2 0 0 0 1000.0 - - -',
      '/a\\x20\\xff\\\\ 100 100644 1 0 0 0 1.0 - - -',
      `/unverified 100 100644 1 0 0 0 1.0 bb/${digest.slice(2)} - -`,
      `/external\\x3d 100 100644 1 0 0 0 1.0 bb/${digest.slice(2)} - ${digest}`,
      '/socket 0 140644 1 0 0 0 1.0 - - -',
    ];
    await cfsctl(['mkcomposefs', '--from-file', '-', at('odd.img')], Buffer.from(`${dump.join('\n')}\n`));
  });
  test.each([
    [['ls']],
    [['dump']],
    [['objects']],
    [['missing-objects', '--basedir', '/nothing']],
    [['ls', '--filter', 'usr']],
    [['ls', '--filter', 'usr', '--filter=unverified']],
    [['missing-objects']],
    [['measure-file']],
  ])('%j', async (args) => {
    const whole = ['composefs-info', ...args, at('info.img'), at('odd.img')];
    expect(await cfs(whole)).toEqual(await cfsctl(whole));
  });
  test('unlike the real one filters dumps too', async () => {
    const { stdout } = await cfs(['composefs-info', 'dump', '--filter', 'socket', at('odd.img')]);
    expect(stdout).toBe('/ 0 40755 2 0 0 0 1000.0 - - -\n/socket 0 140644 1 0 0 0 1.0 - - -\n');
  });
  test('what is wrong', async () => {
    cpSync(at('odd.img'), at('damaged.img'));
    writeFileSync(at('damaged.img'), Buffer.alloc(4096));
    for (const args of [['ls', at('nothing')], ['dump', at('damaged.img')], ['nope'], []]) {
      const [made, real] = [await cfs(['composefs-info', ...args]), await cfsctl(['composefs-info', ...args])];
      expect([made.status > 0, made.stdout]).toEqual([real.status > 0, real.stdout]);
    }
  });
});
