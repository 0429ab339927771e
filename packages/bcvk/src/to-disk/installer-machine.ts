import { type Accel, accelArgument, type EmulatedCpu } from '../accel/accel.ts';
import { guest, guestUnits, smbiosCredential } from './guest-units.ts';

/** The machine that boots an image in order to install it. */
export interface InstallerMachine {
  accel: Accel;
  emulatedCpu: EmulatedCpu;
  memoryMiB: number;
  cpus: number;
  kernelFile: string;
  /** Undefined where the kernel mounts a virtiofs root file system by itself. */
  initramfsFile: string | undefined;
  rootSocket: string;
  storageSocket: string;
  disk: { file: string; format: 'raw' | 'qcow2' };
  /** UNIX sockets on which this program listens for the guest's lines. */
  outputSocket: string;
  progressSocket: string;
  command: readonly string[];
  nonce: string;
}

/**
 * Modules that coldplug would load though the installer has no use for them: each costs a second or so of translated
 * start-up (disk controller without disks, nested virtualisation, frequency scaling).
 */
const unneededModules = [
  'ahci',
  'kvm',
  'kvm_amd',
  'kvm_intel',
  'powernow_k8',
  'acpi_cpufreq',
  'i2c_i801',
  'lpc_ich',
  'vsock',
  'vmw_vmci',
  'vmw_vsock_vmci_transport',
];

/** Kernel command line of the installer. */
export function installerKernelArguments(machine: Pick<InstallerMachine, 'initramfsFile'>): string {
  // With an initramfs its own unit mounts the root: see rootMountArchive.
  const root = machine.initramfsFile === undefined ? [`root=${guest.rootTag}`, 'rootfstype=virtiofs', 'ro'] : [];
  return [
    ...root,
    // Only what matters goes to the serial port: the console is there to see a guest die.
    'console=ttyS0',
    'loglevel=4',
    'panic=-1',
    `systemd.unit=${guest.target}`,
    'systemd.volatile=state',
    'systemd.show_status=error',
    'systemd.mask=systemd-firstboot.service',
    `modprobe.blacklist=${unneededModules.join(',')}`,
    'mitigations=off',
    'audit=0',
    // No security module: the BPF one alone costs systemd a second, and labels of the target come from bootc.
    'lsm=capability',
  ].join(' ');
}

/**
 * Arguments of the QEMU that installs. The guest's root is the image, over virtiofs; its memory is shared for that. The
 * disk is `cache=unsafe`: nothing but this run reads it before QEMU has ended well, and then this program syncs the
 * file before it gives it its name. QEMU dies with this program.
 */
export function installerArguments(machine: InstallerMachine): [string, ...string[]] {
  const credentials = Object.entries(guestUnits(machine)).map(([name, content]) =>
    smbiosCredential(`systemd.extra-unit.${name}`, content),
  );
  const share = (id: string, socket: string, tag: string) => [
    ...['-chardev', `socket,id=${id},path=${socket}`],
    ...['-device', `vhost-user-fs-pci,chardev=${id},tag=${tag},queue-size=1024`],
  ];
  const port = (id: string, socket: string, name: string) => [
    ...['-chardev', `socket,id=${id},path=${socket}`],
    ...['-device', `virtserialport,chardev=${id},name=${name}`],
  ];
  return [
    'setpriv',
    '--pdeathsig',
    'KILL',
    'qemu-system-x86_64',
    ...['-machine', 'q35,memory-backend=memory', '-accel', accelArgument(machine.accel)],
    ...[
      '-cpu',
      machine.accel === 'kvm' ? 'host' : machine.emulatedCpu,
      '-smp',
      String(machine.cpus),
      '-m',
      `${machine.memoryMiB}M`,
    ],
    ...['-object', `memory-backend-memfd,id=memory,size=${machine.memoryMiB}M,share=on`],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'],
    ...share('root', machine.rootSocket, guest.rootTag),
    ...share('storage', machine.storageSocket, guest.storageTag),
    ...['-blockdev', diskBlockdev(machine.disk)],
    ...['-device', `virtio-blk-pci,drive=disk,serial=${guest.diskSerial}`],
    ...['-device', 'virtio-serial-pci'],
    ...port('output', machine.outputSocket, guest.outputPort),
    ...port('progress', machine.progressSocket, guest.progressPort),
    ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=random'],
    ...['-kernel', machine.kernelFile],
    ...(machine.initramfsFile === undefined ? [] : ['-initrd', machine.initramfsFile]),
    ...['-append', installerKernelArguments(machine)],
    ...credentials.flatMap((credential) => ['-smbios', `type=11,value=${credential}`]),
  ];
}

function diskBlockdev(disk: InstallerMachine['disk']): string {
  const cache = { direct: false, 'no-flush': true };
  const file = { driver: 'file', filename: disk.file, discard: 'unmap', cache };
  return JSON.stringify({ driver: disk.format, 'node-name': 'disk', discard: 'unmap', cache, file });
}

/**
 * Arguments of one virtiofsd. They are those of the virtiofsd of QEMU, which the Rust one understands too. `private-ro`
 * shares a read-only view: a bind mount in a mount namespace of its own, so that the guest cannot write what it sees
 * and nothing stays mounted when the process ends.
 */
export function virtiofsdArguments(
  virtiofsd: string,
  share: { folder: string; socket: string },
): [string, ...string[]] {
  const script = 'mount --bind -o ro -- "$1" "$1" && shift && exec "$@"';
  return [
    ...(['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--propagation', 'private'] as const),
    ...['sh', '-c', script, 'share', share.folder],
    ...[virtiofsd, `--socket-path=${share.socket}`, '-o', `source=${share.folder}`],
    ...['-o', 'cache=always', '-o', 'sandbox=chroot', '-o', 'xattr', '-o', 'log_level=warn'],
  ];
}
