import { quoteCommand } from '@workbench/run';
import { expect, test } from 'vitest';
import { guestUnits } from './guest-units.ts';
import { installCommand } from './install-options.ts';
import { type InstallerMachine, installerArguments, virtiofsdArguments } from './installer-machine.ts';

const command = installCommand(
  'localhost/bootc',
  {
    filesystem: 'ext4',
    rootSize: '5G',
    targetTransport: 'containers-storage',
    kernelArguments: ['console=hvc0', 'a="b c" $HOME 50%'],
    composefsBackend: true,
    bootloader: 'systemd',
    allowMissingFsverity: true,
  },
  '/dev/disk/by-id/virtio-output',
);

const machine: InstallerMachine = {
  accel: 'tcg',
  emulatedCpu: 'Nehalem',
  memoryMiB: 4096,
  cpus: 2,
  kernelFile: '/image/usr/lib/modules/6.12/vmlinuz',
  initramfsFile: undefined,
  rootSocket: '/run/installer/root.sock',
  storageSocket: '/run/installer/storage.sock',
  disk: { file: '/cache/disk.part', format: 'qcow2' },
  outputSocket: '/run/installer/output.sock',
  progressSocket: '/run/installer/progress.sock',
  command,
  nonce: 'a1b2',
};

test('the units of the guest', async () => {
  const units = Object.entries(guestUnits(machine)).map(([name, content]) => `### ${name}\n${content}`);
  await expect(units.join('\n')).toMatchFileSnapshot('./golden/units.txt');
});

test('the command line of QEMU', async () => {
  const lines = installerArguments(machine).map((word) => word.replace(/=[A-Za-z0-9+/]{80,}={0,2}$/, '=BASE64'));
  await expect(`${quoteCommand(lines).replaceAll(' -', ' \\\n  -')}\n`).toMatchFileSnapshot('./golden/qemu.txt');
});

test('under KVM, with an initramfs', () => {
  const words = installerArguments({ ...machine, accel: 'kvm', initramfsFile: '/run/installer/initramfs.img' });
  expect(words.slice(words.indexOf('-accel'), words.indexOf('-accel') + 4)).toEqual(['-accel', 'kvm', '-cpu', 'host']);
  expect(words[words.indexOf('-initrd') + 1]).toBe('/run/installer/initramfs.img');
  expect(words[words.indexOf('-append') + 1]).not.toContain('rootfstype=virtiofs');
});

test('a share is a read-only bind mount in a namespace of its own', () => {
  expect(
    virtiofsdArguments('/usr/libexec/virtiofsd', { folder: '/image', socket: '/run/installer/root.sock' }),
  ).toEqual([
    ...['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
    'mount --bind -o ro -- "$1" "$1" && shift && exec "$@"',
    ...['share', '/image', '/usr/libexec/virtiofsd', '--socket-path=/run/installer/root.sock', '-o', 'source=/image'],
    ...['-o', 'cache=always', '-o', 'sandbox=chroot', '-o', 'xattr', '-o', 'log_level=warn'],
  ]);
});
