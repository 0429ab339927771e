import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parseSysusers } from './machine-data-checks.ts';
import { type LintOptions, lintChecks, lintImage, listChecks, runLint } from './run-lint.ts';
import { parseTmpfiles } from './tmpfiles.ts';

let root: string;

function put(path: string, content = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}
const makeFolder = (path: string) => void mkdirSync(join(root, path), { recursive: true });
const link = (path: string, target: string | Buffer) => {
  makeFolder(dirname(path));
  symlinkSync(target, join(root, path));
};

// An image that nothing is wrong with.
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lint-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ['boot', 'dev', 'proc', 'run', 'sys', 'tmp', 'sysroot', 'var/lib/example']) makeFolder(folder);
  link('ostree', 'sysroot/ostree');
  link('var/run', '../run');
  put('etc/hostname', 'x\n');
  put('etc/passwd', 'root:x:0:0::/:/bin/sh\nexample:x:900:900::/:\n');
  put('etc/group', 'root:x:0:\nexample:x:900:\nmore:x:901:\n');
  put('usr/lib/sysusers.d/example.conf', '# comment\nu! example - "An example"\ng more -\n');
  put(
    'usr/lib/tmpfiles.d/example.conf',
    'd /var/lib 0755\nd /var/lib/example/ 0700 example\nL+ /var/run - - - - ../run\n',
  );
  put('usr/lib/modules/6.12/vmlinuz');
  put('usr/lib/bootc/kargs.d/10.toml', 'kargs = ["quiet"]\n');
});

async function lint(options: Partial<LintOptions> = {}): Promise<string> {
  const { lines } = await lintImage({ root, warningsAreFatal: false, skip: [], showAll: false, ...options });
  return lines.join('\n');
}

test('nothing is wrong', async () => {
  expect(await lint()).toBe(`Checks passed: ${lintChecks.length}`);
});

describe('each check finds what it is for', () => {
  const cases: [check: string, damage: () => void, told: string][] = [
    [
      'var-run',
      () => {
        rmSync(join(root, 'var/run'));
        makeFolder('var/run');
      },
      'Failed lint: var-run: Not a symlink: /var/run',
    ],
    ['buildah-injected', () => put('etc/resolv.conf'), '  /etc/resolv.conf'],
    ['etc-usretc', () => put('usr/etc/x', 'x'), 'Failed lint: etc-usretc: Found /usr/etc'],
    ['bootc-kargs', () => put('usr/lib/bootc/kargs.d/20.toml', 'kargs = 1'), 'kargs.d/20.toml: kargs:'],
    ['kernel', () => put('usr/lib/modules/6.13/vmlinuz'), 'the image has several kernels: 6.12, 6.13'],
    ['api-base-directories', () => rmSync(join(root, 'proc'), { recursive: true }), '  /proc'],
    ['baseimage-root', () => rmSync(join(root, 'sysroot'), { recursive: true }), 'Missing directory: /sysroot'],
    [
      'baseimage-composefs',
      () => put('usr/lib/ostree/prepare-root.conf', '[composefs]\nenabled = no\n'),
      'Lint warning: baseimage-composefs: composefs is turned off',
    ],
    [
      'baseimage-root',
      () => {
        rmSync(join(root, 'ostree'));
        makeFolder('ostree');
      },
      'Expected a symlink /ostree to sysroot/ostree, found a folder',
    ],
    ['sysusers', () => put('etc/group', 'root:x:0:\nstray:x:5:\n'), '  group stray'],
    [
      'nonempty-boot',
      () => put('boot/vmlinuz', 'x'),
      'Lint warning: nonempty-boot: Found non-empty /boot:\n  /boot/vmlinuz',
    ],
    ['nonempty-run-tmp', () => put('tmp/left/over', 'x'), '  /tmp/left/over'],
  ];
  test.each(cases)('%s', async (name, damage, told) => {
    damage();
    const text = await lint();
    expect(text).toContain(told);
    expect(text).toContain(`Checks passed: ${lintChecks.length - 1}`);
    expect(await lint({ skip: [name] })).toBe(`Checks passed: ${lintChecks.length - 1}\nChecks skipped: 1`);
  });

  test('utf8', async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/usr/`), Buffer.from([0x61, 0xff])]), '');
    link('usr/link', Buffer.from([0xfe]));
    expect(await lint()).toContain(
      'Failed lint: utf8: Found names that are not UTF-8:\n  name /usr/a\\xff\n  target of /usr/link',
    );
  });

  test('var-tmpfiles and var-log', async () => {
    put('var/log/build.log', 'x');
    put('var/log/empty.log');
    link('var/lib/link', 'example');
    const text = await lint({ showAll: true });
    expect(text).toContain('Lint warning: var-log: Found non-empty logfiles:\n  /var/log/build.log\n\n');
    expect(text).toContain('2 folders and links, 2 files:');
    expect(text).toMatch(/^ {2}L \/var\/lib\/link - - - - example$/m);
    expect(text).toMatch(/^ {2}d \/var\/log 0755 \d+ \d+ - -$/m);
    expect(text).toContain('Warnings: 2');
  });
});

test('a unified kernel image in /boot is where it belongs', async () => {
  put('boot/EFI/Linux/6.12.efi', 'x');
  expect(await lint()).toBe(`Checks passed: ${lintChecks.length}`);
});

test('only the first few things are shown, unless all are wanted', async () => {
  for (let index = 0; index < 8; index++) put(`boot/file${index}`, 'x');
  expect(await lint()).toContain('  /boot/file4\n  … and 3 more\n');
  expect(await lint({ showAll: true })).toContain('  /boot/file7\n');
});

test('failures are an error, warnings on demand', async () => {
  put('boot/vmlinuz', 'x');
  const options = { root, skip: [], showAll: false };
  await runLint({ ...options, warningsAreFatal: false });
  await expect(runLint({ ...options, warningsAreFatal: true })).rejects.toThrow('Checks failed: 1');
  await expect(lint({ skip: ['nonsense'] })).rejects.toMatchObject({ code: 'LINT_UNKNOWN' });
});

test('the list tells of all of them', () => {
  const names = [...listChecks().matchAll(/name: (.*)/g)].map(([, name]) => name);
  expect(names).toEqual([
    'api-base-directories',
    'baseimage-composefs',
    'baseimage-root',
    'bootc-kargs',
    'buildah-injected',
    'etc-usretc',
    'kernel',
    'nonempty-boot',
    'nonempty-run-tmp',
    'sysusers',
    'utf8',
    'var-log',
    'var-run',
    'var-tmpfiles',
  ]);
});

test('lines of tmpfiles.d and sysusers.d', () => {
  const { made, copied } = parseTmpfiles([
    'd "/var/a b" 0755\n#d /var/no\nz /var/no2 0700\nC! /var/tree - - - - /usr/x\n',
  ]);
  expect([[...made], copied]).toEqual([['/var/a b'], ['/var/tree']]);
  const { users, groups } = parseSysusers(['u a 5:6 "x"\nu b -\nm c d\nr - 500-900\n']);
  expect([[...users], [...groups]]).toEqual([
    ['root', 'a', 'b', 'c'],
    ['root', 'b', 'd'],
  ]);
});
