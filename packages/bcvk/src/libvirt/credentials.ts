import { smbiosCredential } from '../to-disk/guest-units.ts';

/** Where a guest finds the host's container storage. */
export const storageMountPoint = '/run/host-container-storage';

/** A folder that the guest mounts at boot. */
export interface GuestMount {
  tag: string;
  guestPath: string;
  readOnly: boolean;
  /** Where the guest has the share's device, for one that is not there at the first boot: a pattern for glob(7). */
  onlyWith?: string | undefined;
}

/** What is put into a guest from outside. */
export interface GuestSetup {
  sshPublicKey: string;
  mounts: readonly GuestMount[];
  hasHostStorage: boolean;
  streamsJournal: boolean;
  /** Whether QEMU translates the guest's code. */
  isEmulated: boolean;
}

/**
 * QEMU keeps what it translated by the address that code has in a process, so that with random ones each start of a program
 * is translated anew: a fifth of the time of a boot, and near half of that of a shell script.
 */
const equalAddresses: [string, string] = ['sysctl.extra', 'kernel.randomize_va_space=0\n'];

/**
 * The SMBIOS strings that set a guest up at each boot: root's key, mounts, the host's container storage, journal streams.
 * They are systemd's system credentials, so nothing of it is on the disk.
 */
export function guestCredentials(setup: GuestSetup): string[] {
  const units: [string, string][] = setup.mounts.map((mount) => [mountUnitName(mount.guestPath), mountUnit(mount)]);
  const wantsMounts = units.map(([name]) => name);
  const storage: [string, string][] = setup.hasHostStorage
    ? [
        ['systemd.extra-unit.bcvk-storage-opts.service', storageService],
        ['systemd.unit-dropin.sysinit.target~bcvk-storage', '[Unit]\nWants=bcvk-storage-opts.service\n'],
      ]
    : [];
  const journal: [string, string][] = setup.streamsJournal
    ? [
        ['systemd.extra-unit.bcvk-journal-stream.service', journalService('org.bcvk.journal', 'host')],
        ['systemd.extra-unit.bcvk-journal-stream-initrd.service', journalService('org.bcvk.journal.initrd', 'initrd')],
        [
          'systemd.unit-dropin.sysinit.target~bcvk-journal',
          '[Unit]\nWants=bcvk-journal-stream.service bcvk-journal-stream-initrd.service\n',
        ],
      ]
    : [];
  const all: [string, string][] = [
    ['tmpfiles.extra', rootKeyTmpfiles(setup.sshPublicKey) + (setup.hasHostStorage ? storageTmpfiles : '')],
    ...(setup.isEmulated ? [equalAddresses] : []),
    ...units.map(([name, content]): [string, string] => [`systemd.extra-unit.${name}`, content]),
    ...storage,
    ...(wantsMounts.length === 0
      ? []
      : [
          ['systemd.unit-dropin.remote-fs.target~bcvk-mounts', `[Unit]\nWants=${wantsMounts.join(' ')}\n`] as [
            string,
            string,
          ],
        ]),
    ...journal,
  ];
  return all.map(([name, content]) => smbiosCredential(name, content));
}

/** tmpfiles.d(5) lines that give root one more ssh key; the home of root may be a symlink. */
export function rootKeyTmpfiles(publicKey: string): string {
  const encoded = Buffer.from(`${publicKey.trim()}\n`).toString('base64');
  return `d /root/.ssh 0700 - - -\nf+~ /root/.ssh/authorized_keys 0600 - - - ${encoded}\n`;
}

/** Name of the mount unit of a path (systemd.unit(5), "String escaping for inclusion in unit names"). */
export function mountUnitName(path: string): string {
  const bytes = Buffer.from(path.split('/').filter(Boolean).join('/'));
  const escaped = [...bytes].map((byte, index) => {
    const char = String.fromCharCode(byte);
    if (char === '/') return '-';
    const isPlain = /[A-Za-z0-9:_.]/.test(char) && !(char === '.' && index === 0);
    return isPlain ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
  });
  return `${escaped.length === 0 ? '-' : escaped.join('')}.mount`;
}

function mountUnit({ tag, guestPath, readOnly, onlyWith }: GuestMount): string {
  return [
    '[Unit]',
    `Description=Folder ${tag} of the host`,
    'ConditionPathExists=!/etc/initrd-release',
    ...(onlyWith === undefined ? [] : [`ConditionPathExistsGlob=${onlyWith}`]),
    'Before=remote-fs.target',
    '',
    '[Mount]',
    `What=${tag}`,
    `Where=${guestPath}`,
    'Type=virtiofs',
    `Options=${readOnly ? 'ro' : 'rw'}`,
    '',
  ].join('\n');
}

const storageConfiguration = '/run/bcvk/storage.conf';

/**
 * In an image without any storage.conf(5), podman never looks at the first; the second names one, which takes the place of
 * the image's own.
 */
const storageVariables = [
  `STORAGE_OPTS=additionalimagestore=${storageMountPoint}`,
  `CONTAINERS_STORAGE_CONF=${storageConfiguration}`,
];

/** For login sessions: PAM reads /etc/environment. */
const storageService = [
  '[Unit]',
  "Description=Tell logins of the host's container storage",
  'DefaultDependencies=no',
  'ConditionPathExists=!/etc/initrd-release',
  'RequiresMountsFor=/etc',
  'Before=systemd-user-sessions.service',
  '',
  '[Service]',
  'Type=oneshot',
  'RemainAfterExit=yes',
  ...storageVariables.map((line) => {
    const name = line.slice(0, line.indexOf('='));
    return `ExecStart=/bin/sh -c 'grep -qs ^${name}= /etc/environment || echo ${line} >>/etc/environment'`;
  }),
  '',
].join('\n');

/** For services of the system and of users. */
const storageTmpfiles = [
  'd /run/bcvk 0755 root root -',
  `f ${storageConfiguration} 0644 root root - ${[
    '[storage]',
    'driver = "overlay"',
    'runroot = "/run/containers/storage"',
    'graphroot = "/var/lib/containers/storage"',
    '[storage.options]',
    `additionalimagestores = ["${storageMountPoint}"]`,
  ].join('\\n')}`,
  `f /etc/environment.d/90-bcvk-storage.conf 0644 root root - ${storageVariables.join('\\n')}`,
  'd /etc/systemd/system.conf.d 0755 root root -',
  `f /etc/systemd/system.conf.d/90-bcvk-storage.conf 0644 root root - [Manager]\\nDefaultEnvironment=${storageVariables.join(' ')}`,
  '',
].join('\n');

function journalService(port: string, where: 'host' | 'initrd'): string {
  const device = `dev-virtio\\x2dports-${port}.device`;
  return [
    '[Unit]',
    `Description=Send the journal to the host (${port})`,
    'DefaultDependencies=no',
    `Requires=systemd-journald.service ${device}`,
    `After=systemd-journald.service ${device}`,
    `ConditionPathExists=${where === 'host' ? '!' : ''}/etc/initrd-release`,
    '',
    '[Service]',
    'ExecStart=/usr/bin/journalctl --follow --no-tail --boot --output=json --no-pager',
    `StandardOutput=file:/dev/virtio-ports/${port}`,
    `StandardError=file:/dev/virtio-ports/${port}`,
    'Restart=always',
    'RestartSec=1s',
    '',
  ].join('\n');
}
