import type { RootFilesystem } from './configuration-schema.ts';

/** Whether fs-verity works on it (Documentation/filesystems/fsverity.rst). */
export function supportsVerity(filesystem: RootFilesystem): boolean {
  return filesystem !== 'xfs';
}

/** The command that makes a root file system. ext4 always gets the verity feature, which cannot be added while mounted. */
export function mkfsRootCommand(
  filesystem: RootFilesystem,
  options: { device: string; uuid: string; overwrite: boolean },
): [string, ...string[]] {
  const { device, uuid } = options;
  switch (filesystem) {
    case 'ext4':
      return ['mkfs.ext4', '-U', uuid, '-L', 'root', '-O', 'verity', device];
    case 'xfs':
      return ['mkfs.xfs', ...(options.overwrite ? ['-f'] : []), '-m', `uuid=${uuid}`, '-L', 'root', device];
    case 'btrfs':
      return ['mkfs.btrfs', ...(options.overwrite ? ['-f'] : []), '-U', uuid, '-L', 'root', device];
  }
}

/** The command that makes the EFI system partition's file system; mkfs.fat chooses FAT32 for its size. */
export function mkfsEspCommand(device: string): [string, ...string[]] {
  return ['mkfs.fat', device, '-n', 'EFI-SYSTEM'];
}
