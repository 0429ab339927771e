import type { Cell } from './cell.ts';

/**
 * The build arguments that a cell stands for in `images/Containerfile`, as `podman build` takes them. The boot type
 * is the target of the build. The file system is not among them unless the image holds a UKI, whose command line depends on
 * it; so cells share images where they can.
 */
export function imageBuildArguments(cell: Cell): string[] {
  const values: Record<string, string> = { variant: cell.variant };
  if (cell.variant === 'composefs') {
    values.bootloader = cell.bootloader;
    if (cell.bootType === 'uki') {
      values.seal_state = cell.sealState;
      // xfs has no fs-verity, so the digest on its command line is one that may be missing.
      values.allow_missing_verity = String(cell.filesystem === 'xfs');
    }
  }
  return Object.entries(values).map(([name, value]) => `--build-arg=${name}=${value}`);
}

/** Whether `images/Containerfile` makes the image of a cell. Of what it does not make, images can be brought along. */
export function isBuiltHere(cell: Cell): boolean {
  return cell.variant === 'composefs';
}
