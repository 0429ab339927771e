/**
 * The values of every axis; the schema of a cell is made of them. They stand apart from it because a wrong cell is to be
 * refused before a library is loaded.
 */
export const cellValues = {
  variant: ['composefs', 'ostree'],
  bootloader: ['systemd', 'grub'],
  bootType: ['bls', 'uki'],
  sealState: ['unsealed', 'sealed'],
  filesystem: ['ext4', 'xfs', 'btrfs'],
} as const satisfies Readonly<Record<string, readonly string[]>>;

/** One cell of the test matrix: which kind of operating system image is built, installed and tested. */
export type Cell = { -readonly [A in keyof typeof cellValues]: (typeof cellValues)[A][number] };

/** The name of one dimension of the matrix. */
export type Axis = keyof Cell;

/** How one axis is named where people set it, and what it means. */
export interface AxisNames {
  /** Its name in a VM profile, and after `BOOTC_` in the environment. */
  readonly field: string;
  /** Its command line option, without the dashes. */
  readonly option: string;
  readonly description: string;
}

/** The names of every axis. A new axis does not compile until it has a row here. */
export const axes = {
  variant: { field: 'variant', option: 'variant', description: 'how the installed system is stored' },
  bootloader: { field: 'bootloader', option: 'bootloader', description: 'boot loader: systemd-boot or GRUB' },
  bootType: {
    field: 'boot_type',
    option: 'boot-type',
    description: 'kernel and initramfs with a boot entry (bls), or one unified kernel image (uki)',
  },
  sealState: {
    field: 'seal_state',
    option: 'seal-state',
    description: 'whether Secure Boot and fs-verity guard the system from the firmware on',
  },
  filesystem: { field: 'filesystem', option: 'filesystem', description: 'root file system' },
} as const satisfies { readonly [A in Axis]: AxisNames };

/** The axes in the order in which a cell is written. */
export const axisList = Object.keys(cellValues) as readonly Axis[];

/** The cell that is used where nothing is set. */
export const defaultCell: Cell = {
  variant: 'composefs',
  bootloader: 'systemd',
  bootType: 'bls',
  sealState: 'unsealed',
  filesystem: 'ext4',
};

/** The values that an axis can have. */
export function axisValues(axis: Axis): readonly string[] {
  return cellValues[axis];
}

/** The environment variable that sets an axis. */
export function axisVariable(axis: Axis): string {
  return `BOOTC_${axes[axis].field}`;
}

/** A cell as one word: `composefs/systemd/bls/unsealed/ext4`, or `ostree`, for which the other axes mean nothing. */
export function formatCell(cell: Cell): string {
  return isPlainOstree(cell) ? cell.variant : axisList.map((axis) => cell[axis]).join('/');
}

/** A cell as one word that can be part of a file, VM or image name. */
export function cellSlug(cell: Cell): string {
  return formatCell(cell).replaceAll('/', '-');
}

/** Every combination of values, possible or not. */
export function everyRawCell(): Cell[] {
  return axisList.reduce<Cell[]>(
    (cells, axis) => cells.flatMap((cell) => axisValues(axis).map((value) => ({ ...cell, [axis]: value }))),
    [defaultCell],
  );
}

function isPlainOstree(cell: Cell): boolean {
  return cell.variant === 'ostree' && axisList.every((axis) => axis === 'variant' || cell[axis] === defaultCell[axis]);
}
