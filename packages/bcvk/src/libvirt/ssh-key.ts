import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';

/** A key pair of one VM, in OpenSSH's text forms. */
export interface SshKeyPair {
  privateKey: string;
  publicKey: string;
}

/** Makes an Ed25519 key pair without a passphrase. */
export async function createSshKey(comment: string): Promise<SshKeyPair> {
  const folder = mkdtempSync(join(tmpdir(), 'bcvk-key-'));
  try {
    const file = join(folder, 'key');
    await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file], { step: 'make an ssh key' });
    return { privateKey: readFileSync(file, 'utf8'), publicKey: readFileSync(`${file}.pub`, 'utf8').trim() };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A private key as the file that ssh wants: readable by its owner only, gone when disposed. */
export function writeKeyFile(privateKey: string): { path: string } & Disposable {
  const folder = mkdtempSync(join(tmpdir(), 'bcvk-ssh-'));
  const path = join(folder, 'key');
  writeFileSync(path, `${privateKey.trimEnd()}\n`, { mode: 0o600 });
  return { path, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}
