import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { note, step } from '../steps/step.ts';

/** The platform key, the key exchange key, and the key that signs boot loaders and kernels (UEFI 2.10, 32.3). */
const keyNames = ['PK', 'KEK', 'db'] as const;

/** Every file of a complete set. */
export const secureBootKeyFiles: readonly string[] = [
  'GUID.txt',
  ...keyNames.flatMap((name) => [`${name}.key`, `${name}.crt`, `${name}.cer`]),
];

/**
 * Makes a set of Secure Boot keys for tests: for each of PK, KEK and db an RSA-4096 key without a passphrase, its
 * self-signed certificate for ten years as PEM (`.crt`) and DER (`.cer`); and the owner's GUID. Keys that are there are
 * never overwritten, since images are signed with them. The folder appears whole or not at all.
 *
 * @returns whether keys were made.
 * @throws CodedError SECURE_BOOT_KEYS_INCOMPLETE when the folder holds a part of a set.
 */
export async function generateSecureBootKeys(folder: string, signal?: AbortSignal): Promise<boolean> {
  const present = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (present !== undefined && present.length > 0) {
    const missing = secureBootKeyFiles.filter((file) => !present.includes(file));
    if (missing.length === 0) return false;
    throw new CodedError('SECURE_BOOT_KEYS_INCOMPLETE', `${folder} holds some keys but lacks ${missing.join(', ')}`, {
      hint: `put the missing files back, or move ${folder} away and run this again`,
    });
  }
  const temporary = `${folder}.${process.pid}`;
  await mkdir(dirname(folder), { recursive: true });
  await mkdir(temporary, { mode: 0o700 });
  try {
    for (const name of keyNames) await step(`make ${name}`, () => makeKey(temporary, name, signal));
    await writeFile(join(temporary, 'GUID.txt'), `${randomUUID()}\n`);
    // Fails on a folder that another process filled meanwhile, so that the first one wins.
    await rename(temporary, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  note(`keys are in ${folder}`);
  return true;
}

async function makeKey(folder: string, name: string, signal: AbortSignal | undefined): Promise<void> {
  const file = (ending: string): string => join(folder, `${name}.${ending}`);
  const options = signal === undefined ? {} : { signal };
  const certificate = ['-x509', '-sha256', '-days', '3650', '-subj', `/CN=bootc workbench test ${name}/`];
  const key = ['-newkey', 'rsa:4096', '-noenc', '-keyout', file('key'), '-out', file('crt')];
  await run(['openssl', 'req', '-new', ...certificate, ...key], { step: `make the key ${name}`, ...options });
  await chmod(file('key'), 0o600);
  await run(['openssl', 'x509', '-in', file('crt'), '-outform', 'DER', '-out', file('cer')], {
    step: `write ${name} as DER`,
    ...options,
  });
}
