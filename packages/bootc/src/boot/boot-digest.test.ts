import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bootDigestOfFolder, computeBootDigest } from './boot-digest.ts';

test('kernel first, then initrd; from memory and from a folder alike', async () => {
  const expected = createHash('sha256').update('kernelinitrd').digest('hex');
  expect(await computeBootDigest([Buffer.from('ker'), Buffer.from('nel')], [Buffer.from('initrd')])).toBe(expected);
  const directory = mkdtempSync(join(tmpdir(), 'boot-digest-'));
  writeFileSync(join(directory, 'vmlinuz'), 'kernel');
  writeFileSync(join(directory, 'initrd'), 'initrd');
  expect(await bootDigestOfFolder(directory)).toBe(expected);
  rmSync(directory, { recursive: true });
  await expect(bootDigestOfFolder(directory)).rejects.toThrow('ENOENT');
});
