import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { openPullFolder } from './pull-folder.ts';

const hasMemory = existsSync('/dev/shm');

function makeFolder(parent: string): string {
  const path = mkdtempSync(join(parent, 'pull-folder-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test.runIf(hasMemory)('pulls into two storages have their blobs apart', async () => {
  const memoryFolder = makeFolder('/dev/shm');
  const [one, other] = [makeFolder(tmpdir()), makeFolder(tmpdir())];
  {
    await using first = await openPullFolder(one, 1, { memoryFolder });
    expect(dirname(first.path)).toBe(memoryFolder);
    writeFileSync(join(first.path, 'blob'), 'x');
    await using second = await openPullFolder(other, 1, { memoryFolder });
    expect(await first.fileSizes()).toEqual([1]);
    expect(await second.fileSizes()).toEqual([]);
  }
  expect(readdirSync(memoryFolder).flatMap((name) => readdirSync(join(memoryFolder, name)))).toEqual([]);
});

test.runIf(hasMemory)(
  'what a pull left that was killed is removed by the next one, into whichever storage',
  async () => {
    const memoryFolder = makeFolder('/dev/shm');
    const [one, other] = [makeFolder(tmpdir()), makeFolder(tmpdir())];
    const { dev, ino } = statSync(one);
    const left = join(memoryFolder, `pull-${dev}-${ino}.tmp`);
    mkdirSync(left);
    writeFileSync(join(left, 'blob'), 'x');
    mkdirSync(join(other, 'pull.tmp'));
    writeFileSync(join(other, 'pull.tmp/blob'), 'x');
    await using _folder = await openPullFolder(other, undefined, { memoryFolder });
    expect(readdirSync(left)).toEqual([]);
    expect(readdirSync(join(other, 'pull.tmp'))).toEqual([]);
  },
);

test('blobs of unknown size, or of more than fits, are beside the storage', async () => {
  const memoryFolder = makeFolder(hasMemory ? '/dev/shm' : tmpdir());
  const storage = makeFolder(tmpdir());
  for (const bytes of [undefined, Number.MAX_SAFE_INTEGER]) {
    await using folder = await openPullFolder(storage, bytes, { memoryFolder });
    expect(folder.path).toBe(join(storage, 'pull.tmp'));
  }
});
