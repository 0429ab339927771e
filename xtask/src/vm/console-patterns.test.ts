import { expect, test } from 'vitest';
import { bootPhaseOf, fatalConsolePatterns, fatalPatternOf, plainConsoleLine } from './console-patterns.ts';

test.each([
  ['[    1.234567] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)', 'GUEST_PANIC'],
  ['[    9.1] BUG: kernel NULL pointer dereference, address: 0000000000000000', 'GUEST_KERNEL_BUG'],
  ['[   12.0] Oops: 0002 [#1] PREEMPT SMP NOPTI', 'GUEST_KERNEL_BUG'],
  ['[   99.0] I/O error, dev vda, sector 2048 op 0x1:(WRITE)', 'GUEST_DISK_ERROR'],
  ['[   99.0] EXT4-fs error (device vda3): ext4_lookup:1855: inode #12: comm ls', 'GUEST_FILESYSTEM_ERROR'],
  ['[   70.3] Out of memory: Killed process 812 (podman) total-vm:1234kB', 'GUEST_OUT_OF_MEMORY'],
  ['[FAILED] Failed to mount sysroot.mount - /sysroot.', 'GUEST_ROOT_NOT_MOUNTED'],
  ['[DEPEND] Dependency failed for sysroot.mount - Root Partition.', 'GUEST_ROOT_NOT_MOUNTED'],
  ['         Starting dracut-emergency.service - Dracut Emergency Shell...', 'GUEST_DRACUT_EMERGENCY'],
  ['Generating "/run/initramfs/rdsosreport.txt"', 'GUEST_DRACUT_EMERGENCY'],
  ['You are in emergency mode. After logging in, type "journalctl -xb"', 'GUEST_EMERGENCY_SHELL'],
  ['[  OK  ] Reached target emergency.target - Emergency Mode.', 'GUEST_EMERGENCY_SHELL'],
  ['systemd[1]: basic.target: Found ordering cycle on a.service/start', 'GUEST_ORDERING_CYCLE'],
  ['systemd[1]: Freezing execution.', 'GUEST_INIT_FROZE'],
  ['Error loading EFI binary \\EFI\\Linux\\x.efi: Security Violation', 'GUEST_SECURE_BOOT_REFUSED'],
  ['grub rescue> ', 'GUEST_NO_BOOT_ENTRY'],
  ['UEFI Interactive Shell v2.2', 'GUEST_NO_BOOT_DEVICE'],
  ['BdsDxe: No bootable option or device was found.', 'GUEST_NO_BOOT_DEVICE'],
])('%j is %s', (line, code) => {
  expect(fatalPatternOf(line)?.code).toBe(code);
});

test('what a healthy boot prints is not fatal', () => {
  const healthy = [
    'BdsDxe: loading Boot0001 "UEFI Misc Device" from PciRoot(0x0)/Pci(0x4,0x0)',
    'BdsDxe: failed to load Boot0002 "UEFI QEMU DVD-ROM" from PciRoot(0x0): Not Found',
    '[    0.000000] Linux version 7.2.0-amd64 (debian-kernel@lists.debian.org)',
    '[    0.000000] Kernel command line: composefs=0123 root=UUID=5 rw panic=0 console=hvc0',
    '[  OK  ] Stopped target emergency.target.',
    '[  OK  ] Mounted sysroot.mount - /sysroot.',
    '         Starting dracut-initqueue.service - dracut initqueue hook...',
    'systemd[1]: Listening on systemd-oomd.socket - Userspace Out-Of-Memory (OOM) Killer Socket.',
    '[    2.0] EXT4-fs (vda3): mounted filesystem r/w with ordered data mode.',
    'Memory cgroup out of memory: Killed process 99 (sh)',
    'debian login: ',
  ];
  expect(healthy.filter((line) => fatalPatternOf(line) !== undefined)).toEqual([]);
});

test('a boot is followed through its phases', () => {
  const lines = [
    'BdsDxe: starting Boot0001 "UEFI Misc Device"',
    'EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID device path',
    '[    0.000000] Linux version 7.2.0',
    'systemd[1]: Running in initrd.',
    'systemd[1]: Queued start job for default target initrd.target.',
    'systemd[1]: Switching root.',
    '[  OK  ] Reached target multi-user.target - Multi-User System.',
    'debian login:',
  ];
  expect(lines.map(bootPhaseOf)).toEqual([
    'firmware',
    'boot loader',
    'kernel',
    'initramfs',
    undefined,
    'system',
    'login prompt',
    'login prompt',
  ]);
});

test('control sequences are taken out of a line', () => {
  expect(plainConsoleLine('\x1b[2J\x1b[0;1;31mFAILED\x1b[0m\x1b(B it\r')).toBe('FAILED it');
  expect(plainConsoleLine('[\x1b[0;32m  OK  \x1b[0m] Reached\ttarget\r\r')).toBe('[  OK  ] Reached\ttarget');
});

test('a title for the terminal is taken out with its text', () => {
  expect(plainConsoleLine('\x1b[!p\x1b]104\x07\x1b]0;title\x1b\\login:')).toBe('login:');
});

test('every pattern has its own code', () => {
  const codes = fatalConsolePatterns.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
