import { linkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { mountFileSystem } from './file-system.testing.ts';
import { measureSharing } from './measure-sharing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'sharing-' });
afterAll(() => folder.removeCallback());

test.each([
  { kind: 'btrfs', reflinks: true },
  { kind: 'xfs', reflinks: true },
  { kind: 'ext4', reflinks: false },
] as const)('what objects share by link and by reflink is counted on $kind', async ({ kind, reflinks }) => {
  await using files = await mountFileSystem(folder.name, kind);
  const outside = join(files.path, 'outside');
  const objects = join(files.path, 'objects/00');
  for (const path of [outside, objects, join(files.path, 'objects/.tmp')]) mkdirSync(path, { recursive: true });
  for (const [name, size] of [
    ['own', 100_000],
    ['linked', 200_000],
    ['cloned', 400_000],
  ] as const) {
    writeFileSync(join(name === 'own' ? objects : outside, name), Buffer.alloc(size, 1));
  }
  linkSync(join(outside, 'linked'), join(objects, 'linked'));
  const clone = reflinks ? '--reflink=always' : '--reflink=never';
  await run(['cp', clone, join(outside, 'cloned'), join(objects, 'cloned')], { step: 'clone a file' });
  await run(['sync', '--file-system', files.path], { step: 'sync' });

  expect(measureSharing(files.path)).toEqual({
    objects: 3,
    bytes: 700_000,
    hardlinkedBytes: 200_000,
    reflinkedBytes: reflinks ? 400_000 : 0,
  });
});
