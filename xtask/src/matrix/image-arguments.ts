import type { Cell } from './cell.ts';

/**
 * The build arguments that a cell stands for in `images/Containerfile`, as `podman build` takes them. The boot type is the
 * target of the build, and the boot loader comes with the base.
 */
export function imageBuildArguments(cell: Cell): string[] {
  if (cell.bootType === 'bls') return [];
  return [`--build-arg=seal_state=${cell.sealState}`, `--build-arg=allow_missing_verity=${mayLackVerity(cell)}`];
}

/**
 * The kind of image that a cell needs, as one word, which images carry as a label. Cells share images where they can: the file
 * system matters only where it is on the command line of a unified kernel image.
 */
export function imageKind(cell: Cell): string {
  const { variant, bootloader, bootType, sealState } = cell;
  const ofUnifiedKernel = bootType === 'bls' ? [] : [sealState, mayLackVerity(cell) ? 'verity-optional' : 'verity'];
  return [variant, bootloader, bootType, ...ofUnifiedKernel].join('/');
}

// xfs has no fs-verity, so the digest on its command line is one that may be missing.
function mayLackVerity({ filesystem }: Cell): boolean {
  return filesystem === 'xfs';
}

/** Whether `images/Containerfile` makes the image of a cell. Of what it does not make, images can be brought along. */
export function isBuiltHere(cell: Cell): boolean {
  return cell.variant === 'composefs';
}
