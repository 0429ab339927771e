import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { assertSignatureIsVerified } from './signature-policy.ts';

test('a demand for signatures is refused where none would be verified', async () => {
  const folder = dirSync({ unsafeCleanup: true });
  using _folder = { [Symbol.dispose]: () => folder.removeCallback() };
  const check = (transport: 'registry' | 'oci' | 'containers-storage', signature: 'containerPolicy' | 'unverified') =>
    assertSignatureIsVerified(folder.name, { transport, image: 'example/os:1', signature });
  const writePolicy = (policy: object): void => {
    mkdirSync(join(folder.name, 'etc/containers'), { recursive: true });
    writeFileSync(join(folder.name, 'etc/containers/policy.json'), JSON.stringify(policy));
  };
  await check('registry', 'unverified');
  await expect(check('registry', 'containerPolicy')).rejects.toThrow('there is no such file');
  writePolicy({ default: [{ type: 'insecureAcceptAnything' }] });
  await expect(check('registry', 'containerPolicy')).rejects.toThrow('its default is insecureAcceptAnything');
  writePolicy({ default: [{ type: 'reject' }] });
  await check('registry', 'containerPolicy');
  await expect(check('oci', 'containerPolicy')).rejects.toThrow('cannot be verified: oci holds none');
  await expect(check('containers-storage', 'containerPolicy')).rejects.toThrow('containers-storage holds none');
  await check('oci', 'unverified');
});
