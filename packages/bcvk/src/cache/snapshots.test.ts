import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  beginSnapshot,
  findSnapshot,
  finishSnapshot,
  forgetSnapshot,
  snapshotFiles,
  snapshotsBytes,
  snapshotsFolder,
} from './snapshots.ts';

const record = {
  key: 'aa',
  created: '2026-11-24T00:00:00.000Z',
  privateKey: 'private',
  publicKey: 'public',
  saveImageHead: '',
  saveImageDataBytes: 1,
  saveImageCookie: '',
};

function parentFolder(): string {
  return snapshotsFolder(join(mkdtempSync(join(tmpdir(), 'snapshots-')), 'bootc-base-1.qcow2'));
}

function fill(part: string): void {
  const { memory, disk, firmwareVariables } = snapshotFiles(part);
  for (const file of [memory, disk, firmwareVariables]) writeFileSync(file, 'x'.repeat(5000));
}

test('a snapshot counts once it has its name, for its key alone', () => {
  const parent = parentFolder();
  expect(findSnapshot(parent, 'aa')).toBeUndefined();
  expect(snapshotsBytes(parent)).toBe(0);
  const part = beginSnapshot(parent, 'aa');
  fill(part);
  writeFileSync(snapshotFiles(part).record, JSON.stringify({ schema: 1, ...record }));
  expect(findSnapshot(parent, 'aa')).toBeUndefined();
  const { folder } = finishSnapshot(part, record);
  expect(findSnapshot(parent, 'aa')).toEqual({ folder, record: { schema: 1, ...record } });
  expect(findSnapshot(parent, 'ab')).toBeUndefined();
  expect(snapshotsBytes(parent)).toBeGreaterThanOrEqual(15_000);
});

test('what a killed maker left is removed by the next one of the same key', () => {
  const parent = parentFolder();
  fill(beginSnapshot(parent, 'aa'));
  const other = beginSnapshot(parent, 'bb');
  const part = beginSnapshot(parent, 'aa');
  expect(readdirSync(part)).toEqual([]);
  expect(existsSync(other)).toBe(true);
  expect(readdirSync(parent)).toHaveLength(2);
});

test('a forgotten one is not taken again, and keeps its disk', () => {
  const parent = parentFolder();
  const part = beginSnapshot(parent, 'aa');
  fill(part);
  const snapshot = finishSnapshot(part, record);
  forgetSnapshot(snapshot);
  expect(findSnapshot(parent, 'aa')).toBeUndefined();
  expect(existsSync(snapshotFiles(snapshot.folder).disk)).toBe(true);
});
