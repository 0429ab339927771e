import { expect, test } from 'vitest';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { parseOsRelease } from '../boot/os-release.ts';
import { firstBootEntry } from './boot-entry.ts';

const deploymentId = 'b4'.repeat(64);

test('the entry of a system with a version', () => {
  const osRelease = parseOsRelease('ID=example-os\nPRETTY_NAME="Example OS 10"\nVERSION_ID=10.2026\n');
  const { fileName, entry } = firstBootEntry({
    deploymentId,
    osRelease,
    kernelArguments: ['rw', `composefs=${deploymentId}`],
  });
  expect(fileName).toBe('bootc_example_os-10.2026-1.conf');
  expect(formatBlsEntry(entry)).toBe(`title Example OS 10
version 10.2026
linux /EFI/Linux/bootc_composefs-${deploymentId}/vmlinuz
initrd /EFI/Linux/bootc_composefs-${deploymentId}/initrd
options rw composefs=${deploymentId}
sort-key bootc-example-os-0
`);
});

test('a system without a version is named by its deployment', () => {
  const osRelease = parseOsRelease('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n');
  const { fileName, entry } = firstBootEntry({ deploymentId, osRelease, kernelArguments: ['rw'] });
  expect(fileName).toBe(`bootc_debian-${deploymentId}-1.conf`);
  expect(entry).toMatchObject({ title: 'Debian GNU/Linux forky/sid', version: deploymentId });
});
