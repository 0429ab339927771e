import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { z } from 'zod';

const descriptor = z.object({
  'interface-types': z.array(z.string()),
  mapping: z.object({
    device: z.string(),
    executable: z.object({ filename: z.string(), format: z.string() }).optional(),
    'nvram-template': z.object({ filename: z.string(), format: z.string() }).optional(),
  }),
  targets: z.array(z.object({ architecture: z.string(), machines: z.array(z.string()) })),
  features: z.array(z.string()),
});

/** UEFI firmware of the host for q35 machines. */
export interface FirmwareFiles {
  codeFile: string;
  codeFormat: string;
  varsTemplate: string;
  varsFormat: string;
}

/** Which firmware is wanted. */
export type FirmwareKind = 'insecure' | 'secure' | 'secure-enrolled';

/** Folders of firmware descriptors, the more important first (docs/interop/firmware.json of QEMU). */
const descriptorFolders = ['/etc/qemu/firmware', '/usr/share/qemu/firmware'];

/**
 * Finds UEFI firmware by the descriptors that distributions install for QEMU: in a folder they are tried in the order of
 * their names, and one in /etc hides one of the same name in /usr.
 *
 * @throws CodedError FIRMWARE_NOT_FOUND
 */
export function findFirmware(kind: FirmwareKind, folders: readonly string[] = descriptorFolders): FirmwareFiles {
  const byName = new Map<string, string>();
  for (const folder of folders.filter((path) => existsSync(path))) {
    for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
      if (!byName.has(name)) byName.set(name, join(folder, name));
    }
  }
  for (const name of [...byName.keys()].sort()) {
    const files = matchDescriptor(readFileSync(byName.get(name)!, 'utf8'), kind);
    if (files !== undefined && existsSync(files.codeFile) && existsSync(files.varsTemplate)) return files;
  }
  throw new CodedError(
    'FIRMWARE_NOT_FOUND',
    `no UEFI firmware (${kind}) for q35 is described in ${folders.join(', ')}`,
    {
      hint: 'install the package ovmf (Debian) or edk2-ovmf (Fedora)',
    },
  );
}

/** The files that one descriptor names, if it is of the wanted kind; an unreadable one is none. */
export function matchDescriptor(json: string, kind: FirmwareKind): FirmwareFiles | undefined {
  let parsed: z.infer<typeof descriptor>;
  try {
    parsed = descriptor.parse(JSON.parse(json));
  } catch {
    return undefined;
  }
  const { executable, 'nvram-template': vars, device } = parsed.mapping;
  const isForQ35 = parsed.targets.some(
    ({ architecture, machines }) => architecture === 'x86_64' && machines.some((name) => /^pc-q35/.test(name)),
  );
  if (!parsed['interface-types'].includes('uefi') || !isForQ35 || device !== 'flash') return undefined;
  if (executable === undefined || vars === undefined || kindOf(parsed.features) !== kind) return undefined;
  return {
    codeFile: executable.filename,
    codeFormat: executable.format,
    varsTemplate: vars.filename,
    varsFormat: vars.format,
  };
}

function kindOf(features: readonly string[]): FirmwareKind | 'confidential' {
  if (features.some((feature) => ['amd-sev-snp', 'intel-tdx'].includes(feature))) return 'confidential';
  if (!features.includes('secure-boot')) return 'insecure';
  return features.includes('enrolled-keys') ? 'secure-enrolled' : 'secure';
}
