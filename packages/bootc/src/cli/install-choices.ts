import type { BlockSetup, InstallBootloader, RootFilesystem } from '../install/configuration-schema.ts';

// The schema of the configuration file has the same lists; they are told again so that a help text does not load it. The
// types make a difference an error.

/** Names of root file systems, for the command line. */
export const rootFilesystemNames = ['xfs', 'ext4', 'btrfs'] as const satisfies readonly RootFilesystem[];

/** Names of disk layouts, for the command line. */
export const blockSetupNames = ['direct', 'tpm2-luks'] as const satisfies readonly BlockSetup[];

/** Names of boot loaders, for the command line. */
export const installBootloaderNames = [
  'grub',
  'grub-cc',
  'systemd',
  'none',
] as const satisfies readonly InstallBootloader[];
