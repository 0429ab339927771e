import { type Axis, axes, type Cell, defaultCell, everyRawCell } from './cell.ts';

/** One reason why a combination of values cannot exist. */
export interface CellRule {
  readonly id: string;
  readonly broken: (cell: Cell) => boolean;
  /** What is needed, in the words people set it with. */
  readonly needs: string;
  /** Why, as the end of a sentence that begins with "because". */
  readonly because: string;
  /** The change that mends it. Applied rule by rule, these lead to the nearest cell that can exist. */
  readonly fix: Partial<Cell>;
}

const { variant: _, ...defaultOfOtherAxes } = defaultCell;

/** An ostree image brings its own choice of what the other axes say. */
export const ruleOfOstree: CellRule = {
  id: 'ostree-has-no-axes',
  broken: (cell) => cell.variant === 'ostree' && otherAxes.some((axis) => cell[axis] !== defaultCell[axis]),
  needs: 'variant ostree takes no bootloader, boot_type, seal_state or filesystem',
  because: 'these four say how the composefs backend installs; an ostree image brings its own choice',
  fix: defaultOfOtherAxes,
};

/**
 * All rules of the matrix. Validation, the CI matrix, and the table in CONTRIBUTING.md read this array. A fix gives up
 * the lesser wish for the greater: sealed is kept before the boot type, the boot type before the boot loader.
 */
export const cellRules: readonly CellRule[] = [
  ruleOfOstree,
  {
    id: 'sealed-needs-uki',
    broken: (cell) => isComposefs(cell) && cell.sealState === 'sealed' && cell.bootType !== 'uki',
    needs: 'seal_state sealed needs boot_type uki',
    because: 'only a unified kernel image puts the command line, and with it the root digest, under a signature',
    fix: { bootType: 'uki' },
  },
  {
    id: 'sealed-needs-verity',
    broken: (cell) => isComposefs(cell) && cell.sealState === 'sealed' && cell.filesystem === 'xfs',
    needs: 'seal_state sealed needs filesystem ext4 or btrfs',
    because: 'a sealed root is only as good as fs-verity, which xfs does not have',
    fix: { filesystem: 'ext4' },
  },
  {
    id: 'uki-needs-systemd',
    broken: (cell) => isComposefs(cell) && cell.bootType === 'uki' && cell.bootloader !== 'systemd',
    needs: 'boot_type uki needs bootloader systemd',
    because: 'systemd-boot finds unified kernel images on the ESP by itself; GRUB does not',
    fix: { bootloader: 'systemd' },
  },
];

/** The axes that only the composefs variant has. */
export const otherAxes: readonly Axis[] = (Object.keys(axes) as Axis[]).filter((axis) => axis !== 'variant');

/** Every rule that a cell breaks; none for a cell that can exist. */
export function brokenRules(cell: Cell): readonly CellRule[] {
  return cellRules.filter((rule) => rule.broken(cell));
}

/** The cell that can exist and gives up least of what was asked for; the cell itself when it breaks no rule. */
export function nearestValidCell(cell: Cell): Cell {
  let nearest = cell;
  // Each rule can need mending once for each other one at most; a fix that undoes another would be a defect of the table.
  for (let round = 0; round <= cellRules.length; round++) {
    const [rule] = brokenRules(nearest);
    if (rule === undefined) return nearest;
    nearest = { ...nearest, ...rule.fix };
  }
  throw new Error('the fixes of the matrix rules undo each other');
}

/** What is to be said of one combination of values. */
export interface CellVerdict {
  readonly cell: Cell;
  /** Ids of all broken rules; none for a cell that can exist. */
  readonly broken: readonly string[];
  readonly nearest: Cell;
}

/** The verdict on every combination of values. */
export function judgeEveryCell(): CellVerdict[] {
  return everyRawCell().map((cell) => ({
    cell,
    broken: brokenRules(cell).map(({ id }) => id),
    nearest: nearestValidCell(cell),
  }));
}

/** Every cell that can exist, each once. */
export function everyValidCell(): Cell[] {
  return everyRawCell().filter((cell) => brokenRules(cell).length === 0);
}

function isComposefs(cell: Cell): boolean {
  return cell.variant === 'composefs';
}
