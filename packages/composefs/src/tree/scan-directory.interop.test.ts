import { chmodSync, chownSync, linkSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import fc from 'fast-check';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { findCfsctl } from '../erofs/cfsctl.testing.ts';
import { erofsFormats } from '../erofs/format.ts';
import { writeImage } from '../erofs/write-image.ts';
import { type HashAlgorithm, hashAlgorithms } from '../fsverity/algorithm.ts';
import { computeFileVerity, computeVerity } from '../fsverity/digest.ts';
import { writeAttribute } from '../syscalls/extended-attributes.ts';
import { transformForBoot } from './boot-transform.ts';
import { transformImageTree } from './image-transform.ts';
import { scanDirectory } from './scan-directory.ts';
import type { Directory } from './tree.ts';

// On tmpfs no limit of a disk's file system on attributes or symlinks is in the way.
const folder = dirSync({ unsafeCleanup: true, prefix: 'scan-interop-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());
const root = join(folder.name, 'root');
const at = (name: string) => join(root, name);

beforeAll(async () => {
  for (const name of ['', 'usr', 'usr/lib', 'run', 'run/x', 'boot', 'sysroot', 'etc', 'empty']) mkdirSync(at(name));
  for (const size of [0, 1, 64, 65, 4096, 4097, 1 << 20]) writeFileSync(at(`usr/file-${size}`), Buffer.alloc(size, 7));
  writeFileSync(at('boot/vmlinuz'), 'kernel');
  writeFileSync(Buffer.concat([Buffer.from(at('usr/name-')), Buffer.of(0xff, 0xc3, 0xb6)]), 'x');
  linkSync(at('usr/file-65'), at('etc/linked'));
  symlinkSync('../usr', at('etc/symlink'));
  symlinkSync('l'.repeat(3000), at('etc/long'));
  await run(['mknod', at('usr/char'), 'c', '5', '300'], { step: 'make a device' });
  await run(['mknod', at('usr/whiteout'), 'c', '0', '0'], { step: 'make a whiteout' });
  await run(['mknod', at('usr/block'), 'b', '8', '1'], { step: 'make a device' });
  await run(['mkfifo', at('usr/fifo')], { step: 'make a fifo' });
  writeAttribute(at('usr/file-65'), 'user.x', Buffer.from('value'));
  writeAttribute(at('usr'), 'trusted.overlay.opaque', Buffer.from('y'));
  writeAttribute(at('usr/lib'), 'security.selinux', Buffer.from('label'));
  chownSync(at('usr/file-1'), 70_000, 5);
  chmodSync(at('usr/file-64'), 0o6755);
  chmodSync(at('usr'), 0o751);
  for (const [name, time] of [
    ['usr/file-0', 5],
    ['etc/symlink', 1234.5],
    ['usr', 1_700_000_000.25],
  ] as const) {
    lutimesSync(at(name), time, time);
  }
});

function scan(directory: string, algorithm: HashAlgorithm): Promise<Directory> {
  return scanDirectory(directory, { digestFile: async (path) => computeFileVerity(path, algorithm) });
}

async function cfsctl(algorithm: HashAlgorithm, ...args: string[]): Promise<string> {
  const { stdout } = await run([findCfsctl(), '--no-repo', '--hash', algorithm, ...args], { step: 'ask cfsctl' });
  return stdout;
}

test.each(hashAlgorithms)('a directory is read as cfsctl reads it, with %s', async (algorithm) => {
  const dumpfile = writeDumpfile(await scan(root, algorithm));
  expect(dumpfile).toBe(await cfsctl(algorithm, 'create-dumpfile', '--no-propagate-usr-to-root', root));
});

const kinds = [
  { kind: 'as it is', options: ['--no-propagate-usr-to-root'], transform: async () => {} },
  { kind: 'as an image', options: [], transform: async (tree: Directory) => transformImageTree(tree) },
  {
    kind: 'as an image with user attributes',
    options: ['--xattrs', 'keep-user-xattrs'],
    transform: async (tree: Directory) => transformImageTree(tree, 'keep-user-xattrs'),
  },
  {
    kind: 'as an image for boot',
    options: ['--bootable'],
    transform: async (tree: Directory) => {
      transformImageTree(tree);
      await transformForBoot(tree, async () => Buffer.alloc(0));
    },
  },
];

test.each(kinds)('its images have the ids that cfsctl computes: $kind', async ({ options, transform }) => {
  for (const algorithm of hashAlgorithms) {
    const tree = await scan(root, algorithm);
    await transform(tree);
    for (const format of erofsFormats) {
      const id = await cfsctl(algorithm, '--erofs-version', String(format), 'compute-id', ...options, root);
      expect(computeVerity(writeImage(tree, { format, algorithm }), algorithm)).toBe(id.trim());
    }
  }
});

test('random directories have the ids that cfsctl computes, in all formats', async () => {
  const name = fc.stringMatching(/^[a-zA-Z0-9._-]{1,30}$/).filter((text) => !/^\.\.?$/.test(text));
  const file = fc.record({
    name,
    parent: fc.nat(),
    size: fc.nat(9000),
    link: fc.boolean(),
    attribute: fc.constantFrom('', 'a', 'bb'),
  });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(file, { maxLength: 60 }), async (files) => {
      const directory = join(folder.name, `random-${count++}`);
      const directories = [directory];
      mkdirSync(directory);
      let last: string | undefined;
      for (const { name, parent, size, link, attribute } of files) {
        const path = join(directories[parent % directories.length] as string, name);
        try {
          if (size % 5 === 0) mkdirSync(path);
          else if (size % 5 === 1) symlinkSync('t'.repeat((size % 2000) + 1), path);
          else if (link && last !== undefined) linkSync(last, path);
          else writeFileSync(path, Buffer.alloc(size % 2 === 0 ? size : size % 100, size), { flag: 'wx' });
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
          throw error;
        }
        if (size % 5 === 0) directories.push(path);
        else if (size % 5 !== 1) last = path;
        if (attribute !== '' && size % 5 !== 1)
          writeAttribute(path, `user.${attribute}`, Buffer.alloc(size % 400, attribute));
        lutimesSync(path, size % 3, size % 3);
      }
      for (const algorithm of hashAlgorithms) {
        const tree = await scan(directory, algorithm);
        for (const format of erofsFormats) {
          const args = ['--erofs-version', String(format), 'compute-id', '--no-propagate-usr-to-root', directory];
          const id = (await cfsctl(algorithm, ...args)).trim();
          expect(computeVerity(writeImage(tree, { format, algorithm }), algorithm)).toBe(id);
        }
      }
    }),
    { numRuns: 25 },
  );
});
