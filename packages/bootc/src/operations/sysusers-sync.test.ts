import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { failEveryMutation, stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { syncSysusers } from './sysusers-sync.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'sysusers-'));
  plant();
});
afterEach(() => rmSync(root, { recursive: true }));

const at = (path: string) => join(root, path);
const shadow = 'root:*:1::::::\nstale:x:1::::::\n# remark\nimage:!:1::::::\nroot:again:1::::::\n\n';
const cleanShadow = 'root:*:1::::::\n# remark\nimage:!:1::::::\n\n';

function plant(): void {
  for (const folder of ['etc', 'usr/lib']) mkdirSync(at(folder), { recursive: true });
  writeFileSync(at('etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  writeFileSync(at('usr/lib/passwd'), 'image:x:5:5::/:\n');
  writeFileSync(at('etc/group'), 'root:x:0:\n');
  writeFileSync(at('etc/shadow'), shadow, { mode: 0o640 });
  writeFileSync(at('etc/gshadow'), 'root:*::\ngone:!::\n');
}

test('secrets of nobody and second secrets go, others and remarks stay', async () => {
  const changed = await syncSysusers(root);
  expect(Object.fromEntries(changed)).toEqual({ '/etc/shadow': ['stale', 'root'], '/etc/gshadow': ['gone'] });
  expect(readFileSync(at('etc/shadow'), 'utf8')).toBe(cleanShadow);
  expect(readFileSync(at('etc/gshadow'), 'utf8')).toBe('root:*::\n');
  expect(statSync(at('etc/shadow')).mode & 0o777).toBe(0o640);
  const inode = statSync(at('etc/shadow')).ino;
  expect((await syncSysusers(root)).size).toBe(0);
  expect(statSync(at('etc/shadow')).ino).toBe(inode);
});

test('nothing goes when it is not known who there is', async () => {
  writeFileSync(at('etc/passwd'), '');
  rmSync(at('usr/lib/passwd'));
  await syncSysusers(root);
  expect(readFileSync(at('etc/shadow'), 'utf8')).toBe(shadow);
});

async function checkAndComplete(): Promise<void> {
  expect([shadow, cleanShadow]).toContain(readFileSync(at('etc/shadow'), 'utf8'));
  await syncSysusers(root);
  expect(readFileSync(at('etc/shadow'), 'utf8')).toBe(cleanShadow);
}

test('cut short anywhere, the file is whole', async () => {
  const stops = await stopAtEveryMutation({
    prepare: plant,
    act: () => syncSysusers(root),
    afterStop: checkAndComplete,
  });
  expect(stops.filter((name) => name === 'exchange')).toHaveLength(2);
  await failEveryMutation({
    code: 'ENOSPC',
    prepare: plant,
    act: () => syncSysusers(root),
    afterFailure: checkAndComplete,
  });
  expect(readdirSync(at('etc')).sort()).toEqual(['group', 'gshadow', 'passwd', 'shadow']);
});
