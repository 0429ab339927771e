import { z } from 'zod';

/** File systems that a root can be made of. */
export const rootFilesystems = ['xfs', 'ext4', 'btrfs'] as const;
export type RootFilesystem = (typeof rootFilesystems)[number];

/** Ways to lay out the disk: a plain root partition, or one in LUKS bound to the TPM. */
export const blockSetups = ['direct', 'tpm2-luks'] as const;
export type BlockSetup = (typeof blockSetups)[number];

/** Boot loaders that an installation may ask for. */
export const installBootloaders = ['grub', 'grub-cc', 'systemd', 'none'] as const;
export type InstallBootloader = (typeof installBootloaders)[number];

const texts = z.array(z.string());

/** The `[install]` table of one configuration file. Keys it does not name are kept, so that they can be warned about. */
export const installTableSchema = z.looseObject({
  'root-fs-type': z.enum(rootFilesystems).optional(),
  block: z.array(z.enum(blockSetups)).optional(),
  filesystem: z
    .looseObject({ root: z.looseObject({ type: z.enum(rootFilesystems).optional() }).optional() })
    .optional(),
  kargs: texts.optional(),
  'karg-deletes': texts.optional(),
  'match-architectures': texts.optional(),
  ostree: z.looseObject({ 'bls-append-except-default': z.string().optional() }).optional(),
  stateroot: z.string().optional(),
  'root-mount-spec': z.string().optional(),
  'boot-mount-spec': z.string().optional(),
  bootupd: z.looseObject({ 'skip-boot-uuid': z.boolean().optional() }).optional(),
  bootloader: z.enum(installBootloaders).optional(),
  'discoverable-partitions': z.boolean().optional(),
  'enforce-container-sigpolicy': z.boolean().optional(),
});

/** What one file says under `[install]`. */
export type InstallTable = z.infer<typeof installTableSchema>;

/** Names of the keys of a table, and of the tables in it, that the schema knows. */
const knownKeys: Readonly<Record<string, readonly string[]>> = {
  install: Object.keys(installTableSchema.shape),
  'install.filesystem': ['root'],
  'install.filesystem.root': ['type'],
  'install.ostree': ['bls-append-except-default'],
  'install.bootupd': ['skip-boot-uuid'],
};

/** Dotted names of the keys below `[install]` that mean nothing to this program. */
export function unknownInstallKeys(table: Readonly<Record<string, unknown>>, path = 'install'): string[] {
  const known = knownKeys[path];
  if (known === undefined) return [];
  return Object.entries(table).flatMap(([key, value]) => {
    const name = `${path}.${key}`;
    if (!known.includes(key)) return [name];
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? unknownInstallKeys(value as Readonly<Record<string, unknown>>, name)
      : [];
  });
}
