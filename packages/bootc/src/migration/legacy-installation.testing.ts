import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { type MockInstallation, type MockOptions, makeMockInstallation } from '../storage/mock-installation.ts';

/** The four ways in which bootc 1.13 laid out what boots. */
export const legacyLayouts = ['systemd-bls', 'grub-bls', 'grub-uki', 'systemd-uki'] as const;
export type LegacyLayout = (typeof legacyLayouts)[number];

/** Ids of the booted deployment, of the one before, and of one whose kernel folder both may share. */
export const bootedId = 'b0'.repeat(64);
export const formerId = 'f1'.repeat(64);
export const goneId = '9e'.repeat(64);

/** An entry of a legacy installation. */
export interface LegacyEntry {
  deploymentId: string;
  /** The id in the name of what it boots. */
  artifact: string;
  /** Whether that has the prefix already. */
  hasPrefix?: boolean;
}

const prefix = 'bootc_composefs-';

/**
 * A system as bootc 1.13 left it, with entries in menu order and all they boot. Files are there by the old names, except
 * where an entry has the prefix.
 */
export function makeLegacyInstallation(
  layout: LegacyLayout,
  entries: readonly LegacyEntry[],
  options: Partial<MockOptions> = {},
): MockInstallation {
  const [bootloader, bootType] = layout.split('-') as ['systemd' | 'grub', 'bls' | 'uki'];
  const mock = makeMockInstallation({ bootedId, bootloader, ...options });
  for (const { artifact, hasPrefix } of entries) {
    const name = `${hasPrefix === true ? prefix : ''}${artifact}`;
    for (const [path, content] of bootFiles(mock, bootType, name)) plant(path, content);
  }
  writeEntries(mock, layout, { entries, set: 'active' });
  return mock;
}

function bootFiles(mock: MockInstallation, bootType: 'bls' | 'uki', name: string): [string, string][] {
  const { bootDirectory, espDirectory, bootloader } = mock.boot;
  if (bootType === 'bls') {
    const folder = join(bootloader === 'grub' ? bootDirectory : join(bootDirectory, 'EFI/Linux'), name);
    return [
      [join(folder, 'vmlinuz'), `kernel of ${name.slice(-8)}`],
      [join(folder, 'initrd'), `initrd of ${name.slice(-8)}`],
    ];
  }
  const folder = join(espDirectory, 'EFI/Linux/bootc');
  return [
    [join(folder, `${name}.efi`), `image of ${name.slice(-8)}`],
    [join(folder, `${name}.efi.extra.d/local.addon.efi`), `addon of ${name.slice(-8)}`],
  ];
}

/** Writes the entries of one set, in menu order, and for the active set also an entry of another system. */
export function writeEntries(
  mock: MockInstallation,
  layout: LegacyLayout,
  { entries, set }: { entries: readonly LegacyEntry[]; set: 'active' | 'staged' },
): void {
  const { bootDirectory } = mock.boot;
  if (layout === 'grub-uki') {
    plant(join(bootDirectory, 'grub2', set === 'active' ? 'user.cfg' : 'user.cfg.staged'), grubMenuText(entries));
    return;
  }
  const folder = join(bootDirectory, 'loader', set === 'active' ? 'entries' : 'entries.staged');
  entries.forEach((entry, index) => {
    plant(join(folder, `bootc_debian-13-${1 - index}.conf`), entryText(layout, entry, index));
  });
  if (set === 'active') plant(join(folder, 'windows.conf'), '# mine\nversion 1\nefi /EFI/windows.efi\n');
}

function entryText(layout: LegacyLayout, { artifact, hasPrefix, deploymentId }: LegacyEntry, index: number): string {
  const name = `${hasPrefix === true ? prefix : ''}${artifact}`;
  const base = layout === 'grub-bls' ? '/boot' : '/EFI/Linux';
  return formatBlsEntry({
    title: 'Debian GNU/Linux',
    version: '13',
    target:
      layout === 'systemd-uki'
        ? { kind: 'efi', key: 'efi', path: `${base}/bootc/${name}.efi` }
        : {
            kind: 'linux',
            linux: `${base}/${name}/vmlinuz`,
            initrds: [`${base}/${name}/initrd`],
            options: `rw composefs=${deploymentId}`,
          },
    sortKey: `bootc-debian-${index}`,
  });
}

function grubMenuText(entries: readonly LegacyEntry[]): string {
  const head = ['if [ -f $config_directory/efiuuid.cfg ]; then', 'source $config_directory/efiuuid.cfg', 'fi', ''];
  const items = entries.flatMap(({ artifact, hasPrefix }) => [
    `menuentry "Debian: (${artifact})" {`,
    'insmod chain',
    'search --no-floppy --set=root --fs-uuid "$EFI_PART_UUID"',
    `chainloader /EFI/Linux/bootc/${hasPrefix === true ? prefix : ''}${artifact}.efi`,
    '}',
  ]);
  return [...head, ...items, ''].join('\n');
}

function plant(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** Every file below a folder, path to content; folders end in a slash. */
export function listFiles(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  return Object.fromEntries(
    names.map((name) => {
      const path = join(directory, name);
      return statSync(path).isDirectory() ? [`${name}/`, ''] : [name, readFileSync(path, 'utf8')];
    }),
  );
}
