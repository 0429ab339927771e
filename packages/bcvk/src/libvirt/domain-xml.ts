import type { Accel, EmulatedCpu } from '../accel/accel.ts';
import { element, renderXml, textElement } from './xml.ts';

/** XML namespace of the metadata that bcvk keeps in a domain. */
export const metadataNamespace = 'https://github.com/containers/bootc';
const qemuNamespace = 'http://libvirt.org/schemas/domain/qemu/1.0';

/** Firmware of a domain: its code and this domain's own variable store. */
export type DomainFirmware =
  | { kind: 'bios' }
  | { kind: 'uefi'; secure: boolean; codeFile: string; codeFormat: string; varsFile: string; varsFormat: string };

/** A folder of the host that the guest sees over virtiofs. */
export interface SharedFolder {
  folder: string;
  tag: string;
}

/** Everything a domain is made of. */
export interface DomainDescription {
  name: string;
  uuid: string;
  accel: Accel;
  emulatedCpu: EmulatedCpu;
  memoryMiB: number;
  cpus: number;
  firmware: DomainFirmware;
  diskFile: string;
  shares: readonly SharedFolder[];
  /** How many folders may be shared once the VM runs (share-later.ts). */
  laterShares: number;
  /** Program that serves the shares; libvirt looks for one itself if undefined. */
  virtiofsd: string | undefined;
  hasTpm: boolean;
  /** Files that get what the consoles print: firmware and boot loader on the serial one, the OS on the virtio one. */
  serialLog: string | undefined;
  virtioLog: string | undefined;
  /** Files behind the virtio-serial ports of the journal streams. */
  journalFile: string | undefined;
  initrdJournalFile: string | undefined;
  graphicalConsole: boolean;
  firmwareLog: boolean;
  metadata: Readonly<Record<string, string>>;
  /** SMBIOS type 11 strings. */
  credentials: readonly string[];
  sshPort: number;
  ports: readonly { hostPort: number; guestPort: number }[];
}

/**
 * The domain as libvirt's XML (formatdomain). The guest reaches out, and is reached, through one user-mode network card
 * that only QEMU's command line can describe in this generation of libvirt; ssh is forwarded on the loopback address
 * alone. Memory is shared only for virtiofs, which needs it, from the start also where a folder comes later.
 */
export function domainXml(domain: DomainDescription): string {
  const needsSharedMemory = domain.shares.length + domain.laterShares > 0;
  return renderXml(
    element(
      'domain',
      { type: domain.accel === 'kvm' ? 'kvm' : 'qemu', 'xmlns:qemu': qemuNamespace },
      textElement('name', domain.name),
      textElement('uuid', domain.uuid),
      metadata(domain),
      textElement('memory', domain.memoryMiB, { unit: 'MiB' }),
      textElement('currentMemory', domain.memoryMiB, { unit: 'MiB' }),
      textElement('vcpu', domain.cpus),
      operatingSystem(domain.firmware),
      needsSharedMemory
        ? element('memoryBacking', {}, element('source', { type: 'memfd' }), element('access', { mode: 'shared' }))
        : undefined,
      features(domain),
      processor(domain),
      element('clock', { offset: 'utc' }, ...timers(domain.accel)),
      textElement('on_poweroff', 'destroy'),
      textElement('on_reboot', 'restart'),
      textElement('on_crash', 'destroy'),
      devices(domain),
      // QEMU runs as root, as this program does: it opens disks, logs and sockets wherever they are kept.
      element('seclabel', { type: 'static', model: 'dac', relabel: 'no' }, textElement('label', '+0:+0')),
      element('qemu:commandline', {}, ...qemuArguments(domain).map((value) => element('qemu:arg', { value }))),
    ),
  );
}

function metadata(domain: DomainDescription) {
  const entries = Object.entries(domain.metadata).map(([name, value]) => textElement(`bootc:${name}`, value));
  return element('metadata', {}, element('bootc:container', { 'xmlns:bootc': metadataNamespace }, ...entries));
}

function operatingSystem(firmware: DomainFirmware) {
  const type = textElement('type', 'hvm', { arch: 'x86_64', machine: 'q35' });
  const boot = element('boot', { dev: 'hd' });
  if (firmware.kind === 'bios') return element('os', {}, type, boot);
  const loader = textElement('loader', firmware.codeFile, {
    readonly: 'yes',
    secure: firmware.secure ? 'yes' : 'no',
    type: 'pflash',
    format: firmware.codeFormat === 'raw' ? undefined : firmware.codeFormat,
  });
  const vars = textElement('nvram', firmware.varsFile, {
    format: firmware.varsFormat === 'raw' ? undefined : firmware.varsFormat,
  });
  return element('os', {}, type, loader, vars, boot);
}

function features({ firmware, accel }: DomainDescription) {
  return element(
    'features',
    {},
    element('acpi'),
    element('apic'),
    element('vmport', { state: 'off' }),
    firmware.kind === 'uefi' && firmware.secure ? element('smm', { state: 'on' }) : undefined,
    accel === 'tcg' ? element('tcg', {}, textElement('tb-cache', 512, { unit: 'MiB' })) : undefined,
  );
}

function processor({ accel, emulatedCpu }: DomainDescription) {
  if (accel === 'kvm') return element('cpu', { mode: 'host-passthrough', migratable: 'off' });
  if (emulatedCpu === 'max') return element('cpu', { mode: 'maximum' });
  return element('cpu', { mode: 'custom', match: 'exact', check: 'none' }, textElement('model', emulatedCpu));
}

function timers(accel: Accel) {
  if (accel === 'tcg') return [];
  return [
    element('timer', { name: 'rtc', tickpolicy: 'catchup' }),
    element('timer', { name: 'pit', tickpolicy: 'delay' }),
    element('timer', { name: 'hpet', present: 'no' }),
  ];
}

function devices(domain: DomainDescription) {
  return element(
    'devices',
    {},
    element(
      'disk',
      { type: 'file', device: 'disk' },
      // Host page cache with flushes honoured: what the guest synced survives the guest's sudden end.
      element('driver', { name: 'qemu', type: 'qcow2', cache: 'writeback', discard: 'unmap' }),
      element('source', { file: domain.diskFile }),
      element('target', { dev: 'vda', bus: 'virtio' }),
    ),
    element('controller', { type: 'usb', model: 'none' }),
    ...(domain.laterShares === 0 ? [] : rootPorts(domain.laterShares)),
    ...domain.shares.map((share) => filesystem(share, domain.virtiofsd)),
    consoleDevice('serial', domain.serialLog),
    consoleDevice('virtio', domain.virtioLog),
    journalChannel('org.bcvk.journal', domain.journalFile),
    journalChannel('org.bcvk.journal.initrd', domain.initrdJournalFile),
    domain.firmwareLog ? firmwareDebugPort() : undefined,
    ...(domain.graphicalConsole ? graphics() : []),
    domain.hasTpm
      ? element('tpm', { model: 'tpm-tis' }, element('backend', { type: 'emulator', version: '2.0' }))
      : undefined,
    element('rng', { model: 'virtio' }, textElement('backend', '/dev/urandom', { model: 'random' })),
    element('memballoon', { model: 'none' }),
  );
}

/** Devices that libvirt gives a port of their own, before any share: disk, virtio-serial, random numbers. */
const ownPorts = 3;
const firstPortSlot = 0x11;

/**
 * Ports for all devices and for the folders that come later: libvirt fills them in their order, and makes none that is
 * left free by itself. They have fixed places, so that the guest can be told where a folder will appear.
 */
function rootPorts(laterShares: number) {
  return Array.from({ length: ownPorts + laterShares }, (_, index) =>
    element(
      'controller',
      { type: 'pci', index: index + 1, model: 'pcie-root-port' },
      element('address', { type: 'pci', bus: 0, slot: `0x${(firstPortSlot + index).toString(16)}`, function: 0 }),
    ),
  );
}

/** Where the guest has the device of a folder that is shared later: a pattern for glob(7). */
export function laterSharePattern(place: number): string {
  const slot = (firstPortSlot + ownPorts + place).toString(16);
  return `/sys/devices/pci0000:00/0000:00:${slot}.0/0000:*/virtio*`;
}

/** A folder as a device of its own, for a VM that runs. */
export function laterShareXml(share: SharedFolder, place: number, virtiofsd: string | undefined): string {
  return renderXml(filesystem(share, virtiofsd, ownPorts + place + 1));
}

function filesystem({ folder, tag }: SharedFolder, virtiofsd: string | undefined, bus?: number) {
  return element(
    'filesystem',
    { type: 'mount', accessmode: 'passthrough' },
    element('driver', { type: 'virtiofs', queue: 1024 }),
    virtiofsd === undefined ? undefined : element('binary', { path: virtiofsd, xattr: 'on' }),
    element('source', { dir: folder }),
    element('target', { dir: tag }),
    bus === undefined ? undefined : element('address', { type: 'pci', bus, slot: 0, function: 0 }),
  );
}

function consoleDevice(type: 'serial' | 'virtio', logFile: string | undefined) {
  const log = logFile === undefined ? undefined : element('log', { file: logFile, append: 'on' });
  return element('console', { type: 'pty' }, log, element('target', { type }));
}

function journalChannel(name: string, file: string | undefined) {
  if (file === undefined) return undefined;
  const source = element('source', { path: file, append: 'on' });
  return element('channel', { type: 'file' }, source, element('target', { type: 'virtio', name }));
}

function firmwareDebugPort() {
  const model = element('model', { name: 'isa-debugcon' });
  return element(
    'serial',
    { type: 'pty' },
    element('target', { type: 'isa-debug', port: 0 }, model),
    element('address', { type: 'isa', iobase: '0x402' }),
  );
}

function graphics() {
  return [
    element('graphics', { type: 'spice', autoport: 'yes' }, element('listen', { type: 'address' })),
    element('video', {}, element('model', { type: 'virtio', heads: 1, primary: 'yes' })),
  ];
}

function qemuArguments(domain: DomainDescription): string[] {
  const forwards = [
    `hostfwd=tcp:127.0.0.1:${domain.sshPort}-:22`,
    ...domain.ports.map(({ hostPort, guestPort }) => `hostfwd=tcp::${hostPort}-:${guestPort}`),
  ];
  return [
    ...domain.credentials.flatMap((credential) => ['-smbios', `type=11,value=${credential}`]),
    '-netdev',
    `user,id=ssh0,${forwards.join(',')}`,
    '-device',
    // A fixed slot, which libvirt's own addresses never reach: it does not know of this card.
    'virtio-net-pci,netdev=ssh0,addr=0x1e',
  ];
}
