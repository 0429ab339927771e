import { quoteSystemdCommand } from './systemd-quote.ts';

/** Where the guest finds what the host gives it. */
export const guest = {
  /** virtiofs tag of the image's root file system. */
  rootTag: 'rootfs',
  storageTag: 'hoststorage',
  storageMount: '/run/host-container-storage',
  /** virtio-blk serial of the disk that is installed to. */
  diskSerial: 'output',
  disk: '/dev/disk/by-id/virtio-output',
  outputPort: 'org.bcvk.output',
  progressPort: 'org.bcvk.progress',
  target: 'bcvk-install.target',
} as const;

const service = 'bcvk-install.service';
const runMounts = 'run-host\\x2dcontainer\\x2dstorage.mount';
const diskDevice = 'dev-disk-by\\x2did-virtio\\x2doutput.device';
const portDevice = (port: string) => `dev-virtio\\x2dports-${port}.device`;

/** Marks the line by which the guest says how the installation ended. */
export const resultMarker = 'bcvk-install-result';

/** Which installation the units are for. */
export interface GuestInstall {
  command: readonly string[];
  /** A word nobody else can know: a result line counts only with it. */
  nonce: string;
}

/**
 * The units that make a bootable container image install itself, by unit name. The target is all that the guest boots:
 * devices, file systems in memory where the image must be writable, the host's storage, then the installation; the
 * guest powers off after it, however it ended. `ExecStopPost` runs in each case, so the result line comes from the
 * service manager's own knowledge ($SERVICE_RESULT, systemd.exec(5)), not from a script's good will.
 */
export function guestUnits(install: GuestInstall): Record<string, string> {
  const port = `/dev/virtio-ports/${guest.outputPort}`;
  return {
    [guest.target]: unit({
      Unit: [
        ['Description', 'Installation of this image'],
        ['DefaultDependencies', 'no'],
        ['Requires', service],
        ['After', service],
      ],
    }),
    [service]: unit({
      Unit: [
        ['Description', 'bootc install to-disk'],
        ['DefaultDependencies', 'no'],
        ['Wants', 'systemd-udevd.service systemd-udev-trigger.service systemd-journald.socket'],
        ['Requires', `${diskDevice} ${portDevice(guest.outputPort)} ${runMounts} tmp.mount`],
        ['After', 'systemd-udevd.service systemd-udev-trigger.service systemd-journald.socket'],
        ['After', `${diskDevice} ${portDevice(guest.outputPort)} ${runMounts} tmp.mount var.mount`],
        // Whatever cannot be reached in time ends the guest too, instead of leaving it there idle.
        ['SuccessAction', 'poweroff-force'],
        ['FailureAction', 'poweroff-force'],
      ],
      Service: [
        ['Type', 'oneshot'],
        ['Environment', 'HOME=/root'],
        ['Environment', `STORAGE_OPTS=additionalimagestore=${guest.storageMount}`],
        ['Environment', `BOOTC_INSTALL_PROGRESS=/dev/virtio-ports/${guest.progressPort}`],
        ['StandardOutput', `file:${port}`],
        ['StandardError', `file:${port}`],
        ['ExecStart', quoteSystemdCommand(['/usr/bin/env', ...install.command])],
        ['ExecStopPost', '/bin/sync'],
        [
          'ExecStopPost',
          quoteSystemdCommand([
            '/bin/sh',
            '-c',
            `echo "${resultMarker} ${install.nonce} $SERVICE_RESULT $EXIT_STATUS"`,
          ]),
        ],
      ],
    }),
    [runMounts]: unit({
      Unit: [
        ['Description', "The host's container storage"],
        ['DefaultDependencies', 'no'],
      ],
      Mount: [
        ['What', guest.storageTag],
        ['Where', guest.storageMount],
        ['Type', 'virtiofs'],
        ['Options', 'ro'],
      ],
    }),
  };
}

/** A credential of systemd as one value of an SMBIOS type 11 table (systemd.system-credentials(7)). */
export function smbiosCredential(name: string, content: string): string {
  return `io.systemd.credential.binary:${name}=${Buffer.from(content).toString('base64')}`;
}

function unit(sections: Record<string, readonly [string, string][]>): string {
  return Object.entries(sections)
    .map(([name, lines]) => `[${name}]\n${lines.map(([key, value]) => `${key}=${value}\n`).join('')}`)
    .join('\n');
}
