import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { windowOfFile } from './byte-window.ts';
import { readPeImage } from './pe-image.ts';
import { readSigner } from './signer.ts';
import { readUnifiedKernel } from './unified-kernel.ts';

/** Of Debian's package systemd-boot-efi, Fedora's systemd-boot-unsigned. */
const stub = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';
const id = '0b'.repeat(64);

test("systemd's stub with sections added by objcopy and a signature by sbsign", async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    const at = (name: string) => join(path, name);
    const sections: readonly [string, string | Buffer][] = [
      ['.osrel', 'ID=debian\n'],
      ['.cmdline', `rw composefs=${id}`],
      ['.uname', '6.1.0-test'],
      ['.initrd', Buffer.alloc(5001, 'i')],
      ['.linux', Buffer.alloc(4999, 'k')],
    ];
    const added = sections.flatMap(([name, content], index) => {
      writeFileSync(at(name), content);
      const address = 0x2000000 + index * 0x100000;
      return [`--add-section=${name}=${at(name)}`, `--change-section-vma=${name}=${address}`];
    });
    await run(['objcopy', ...added, stub, at('plain.efi')], { step: 'build a unified kernel image' });
    const certificate = ['-x509', '-days', '30', '-subj', '/CN=a test db/', '-out', at('db.crt')];
    await run(['openssl', 'req', '-new', '-newkey', 'rsa:2048', '-noenc', '-keyout', at('db.key'), ...certificate], {
      step: 'make a key',
    });
    const keys = ['--key', at('db.key'), '--cert', at('db.crt')] as const;
    await run(['sbsign', ...keys, '--output', at('signed.efi'), at('plain.efi')], { step: 'sign it (sbsigntool)' });
    const { stdout } = await run(['openssl', 'x509', '-in', at('db.crt'), '-noout', '-fingerprint', '-sha256'], {
      step: 'read the certificate',
    });
    const fingerprint = stdout.trim().split('=')[1]!.replaceAll(':', '').toLowerCase();

    for (const name of ['plain.efi', 'signed.efi']) {
      using file = windowOfFile(at(name));
      const kernel = readUnifiedKernel(file, name);
      expect(kernel).toMatchObject({ commandLine: `rw composefs=${id}`, uname: '6.1.0-test' });
      expect(kernel.readKernel().equals(Buffer.alloc(4999, 'k'))).toBe(true);
      expect(kernel.readInitrd().equals(Buffer.alloc(5001, 'i'))).toBe(true);
      const signer = name === 'plain.efi' ? undefined : { subject: 'CN=a test db', fingerprint };
      expect(readSigner(file, readPeImage(file, name))).toEqual(signer);
    }
  } finally {
    await cleanup();
  }
});
