import { expect, test } from 'vitest';
import type { BlsEntry } from './bls-entry.ts';
import { formatBlsEntry } from './bls-entry.ts';
import { arrangeEntries, kernelEntry, osIdOfEntry, unifiedKernelEntry } from './deployment-entries.ts';
import { inMenuOrder } from './menu-order.ts';
import { entryNaming, parseOsRelease } from './os-release.ts';

const deploymentId = 'b4'.repeat(64);
const naming = { osId: 'example-os', title: 'Example OS 10', version: '10.2026' };

test('the entry of one deployment', () => {
  const entry = kernelEntry({
    naming,
    artifactName: deploymentId,
    kernelArguments: ['rw', `composefs=${deploymentId}`],
    bootloader: 'systemd',
    bootIsMount: false,
  });
  const [only] = arrangeEntries([entry], { osId: naming.osId, bootloader: 'systemd' });
  expect(only!.fileName).toBe('bootc_example_os-10.2026-1.conf');
  expect(formatBlsEntry(only!.entry)).toBe(`title Example OS 10
version 10.2026
linux /EFI/Linux/bootc_composefs-${deploymentId}/vmlinuz
initrd /EFI/Linux/bootc_composefs-${deploymentId}/initrd
options rw composefs=${deploymentId}
sort-key bootc-example-os-0
`);
});

test('the entry of a unified kernel image has no command line; what it is called depends on the boot loader', () => {
  const options = { naming, deploymentId, bootloader: 'systemd', systemdVersion: 258 } as const;
  expect(formatBlsEntry(unifiedKernelEntry(options))).toBe(`title Example OS 10 10.2026
version 10.2026
uki /EFI/Linux/bootc/bootc_composefs-${deploymentId}.efi
`);
  const keys = [
    { ...options, systemdVersion: 257 },
    { ...options, systemdVersion: undefined },
    { ...options, bootloader: 'grub-cc' as const },
  ].map((other) => unifiedKernelEntry(other).target);
  expect(keys.map((target) => target.kind === 'efi' && target.key)).toEqual(['efi', 'efi', 'efi']);
});

test('a system without a version is named by its deployment', () => {
  const sid = entryNaming(parseOsRelease('ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n'), deploymentId);
  const entry = unifiedKernelEntry({ naming: sid, deploymentId, bootloader: 'systemd', systemdVersion: 257 });
  expect(entry).toMatchObject({ title: 'Debian GNU/Linux forky/sid', version: deploymentId });
  const [only] = arrangeEntries([entry], { osId: sid.osId, bootloader: 'systemd' });
  expect(only!.fileName).toBe(`bootc_debian-${deploymentId}-1.conf`);
});

test.each(['systemd', 'grub', 'grub-cc'] as const)(
  '%s shows entries in the order they were arranged in',
  (bootloader) => {
    const entry = (version: string): BlsEntry => ({ version, target: { kind: 'linux', linux: '/k', initrds: [] } });
    for (const versions of [
      ['9', '10'],
      ['10', '9'],
      ['10', '10'],
      ['8', '11', '9'],
      ['1', '1', '1', '1'],
    ]) {
      const arranged = arrangeEntries(versions.map(entry), { osId: 'x', bootloader });
      expect(new Set(arranged.map(({ fileName }) => fileName)).size).toBe(versions.length);
      expect(inMenuOrder([...arranged].reverse(), bootloader)).toEqual(arranged);
    }
  },
);

test('what else is in an entry stays when it gets another place', () => {
  const entry: BlsEntry = {
    title: 'Old',
    version: '9',
    target: { kind: 'efi', key: 'uki', path: '/EFI/Linux/bootc/x.efi' },
    machineId: '1',
    sortKey: 'bootc-old-0',
    others: [['architecture', 'x64']],
  };
  const [, second] = arrangeEntries([entry, entry], { osId: 'new', bootloader: 'systemd' });
  expect(second).toEqual({ fileName: 'bootc_new-9-0.conf', entry: { ...entry, sortKey: 'bootc-new-1' } });
});

test('the id of the operating system is found again', () => {
  const withKey = (sortKey?: string): BlsEntry => ({
    version: '1',
    target: { kind: 'linux', linux: '/k', initrds: [] },
    ...(sortKey === undefined ? {} : { sortKey }),
  });
  expect(osIdOfEntry(withKey('bootc-red-hat-1'))).toBe('red-hat');
  expect(osIdOfEntry(withKey('debian'))).toBeUndefined();
  expect(osIdOfEntry(withKey())).toBeUndefined();
});
