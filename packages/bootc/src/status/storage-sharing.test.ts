import { linkSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatStorageSharing, measureStorageSharing } from './storage-sharing.ts';

test('the ratio is measured, where there is something to share with', async () => {
  const physicalRoot = mkdtempSync(join(tmpdir(), 'sharing-'));
  const objects = join(physicalRoot, 'composefs/objects/ab');
  mkdirSync(objects, { recursive: true });
  expect(await measureStorageSharing({ physicalRoot })).toBeUndefined();
  const storage = join(physicalRoot, 'composefs/bootc/storage');
  mkdirSync(join(storage, 'overlay-images'), { recursive: true });
  writeFileSync(join(storage, 'layer-file'), Buffer.alloc(3_000_000));
  linkSync(join(storage, 'layer-file'), join(objects, 'linked'));
  writeFileSync(join(objects, 'own'), Buffer.alloc(1_000_000));
  const sharing = await measureStorageSharing({ physicalRoot });
  expect(sharing).toEqual({ bytes: 4_000_000, sharedBytes: 3_000_000, ways: ['hard link'] });
  expect(formatStorageSharing(sharing!)).toBe('Container storage: 75 % of 4 MB of objects shared by hard link');
  expect(formatStorageSharing({ bytes: 0, sharedBytes: 0, ways: [] })).toBe(
    'Container storage: 0 % of 0 MB of objects shared',
  );
});
