import type { Cell } from './cell.ts';

/** What `bcvk libvirt run` is told beside the cell. */
export interface InstallWishes {
  /** Folder with PK.crt, KEK.crt, db.crt and GUID.txt; used by sealed cells alone. */
  secureBootKeysDir: string;
  /** Installs also where the root file system has no fs-verity. */
  allowMissingFsverity?: boolean;
  kernelArguments?: readonly string[];
}

/**
 * The options of `bcvk libvirt run` that a cell stands for, in the syntax of bcvk 0.18. Pure; the cell must be one that
 * can exist.
 */
export function bcvkOptions(cell: Cell, wishes: InstallWishes): string[] {
  return [
    ...firmwareOptions(cell, wishes),
    ...(cell.variant === 'composefs' ? composefsOptions(cell, wishes) : []),
    ...(wishes.kernelArguments ?? []).map((argument) => `--karg=${argument}`),
  ];
}

function firmwareOptions(cell: Cell, wishes: InstallWishes): string[] {
  // Nothing is measured into a TPM here, and the firmware spends a fifth of an emulated boot on one.
  if (!isSealed(cell)) return ['--firmware=uefi-insecure', '--disable-tpm'];
  return ['--firmware=uefi-secure', `--secure-boot-keys=${wishes.secureBootKeysDir}`];
}

function composefsOptions(cell: Cell, wishes: InstallWishes): string[] {
  return [
    '--composefs-backend',
    `--bootloader=${cell.bootloader}`,
    `--filesystem=${cell.filesystem}`,
    ...(wishes.allowMissingFsverity === true ? ['--allow-missing-fsverity'] : []),
  ];
}

/** Whether the cell's machines boot with Secure Boot and our keys. */
export function isSealed(cell: Cell): boolean {
  return cell.variant === 'composefs' && cell.sealState === 'sealed';
}
