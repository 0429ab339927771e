import { readFileSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { generateSecureBootKeys, secureBootKeyFiles } from './secure-boot-keys.ts';

test('a set of keys is made once, is what firmware takes, and is never overwritten', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  const folder = join(path, 'deep/keys');
  try {
    expect(await generateSecureBootKeys(folder)).toBe(true);
    expect(statSync(join(folder, 'db.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'GUID.txt'), 'utf8')).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n$/);
    const { stdout } = await run(
      ['openssl', 'x509', '-in', join(folder, 'db.cer'), '-inform', 'DER', '-noout', '-text'],
      {
        step: 'read the certificate',
      },
    );
    expect(stdout).toContain('Public-Key: (4096 bit)');
    expect(stdout).toContain('sha256WithRSAEncryption');
    const before = secureBootKeyFiles.map((file) => readFileSync(join(folder, file), 'hex'));
    expect(await generateSecureBootKeys(folder)).toBe(false);
    expect(secureBootKeyFiles.map((file) => readFileSync(join(folder, file), 'hex'))).toEqual(before);
    unlinkSync(join(folder, 'KEK.key'));
    await expect(generateSecureBootKeys(folder)).rejects.toMatchObject({ code: 'SECURE_BOOT_KEYS_INCOMPLETE' });
  } finally {
    await cleanup();
  }
});
