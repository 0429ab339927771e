import { z } from 'zod';
import { type Axis, axes } from '../matrix/cell.ts';
import { cellSchema } from '../matrix/cell-schema.ts';

const size = z.string().regex(/^[1-9][0-9]*[MG]$/, 'a size is a whole number followed by M or G, for example 4G');
const seconds = z.int().positive();

/** The cell as a profile writes it: the axes by their field names, each optional. */
const profileCellSchema = z.strictObject({
  [axes.variant.field]: cellSchema.shape.variant,
  [axes.bootloader.field]: cellSchema.shape.bootloader,
  [axes.bootType.field]: cellSchema.shape.bootType,
  [axes.sealState.field]: cellSchema.shape.sealState,
  [axes.filesystem.field]: cellSchema.shape.filesystem,
});

/** One file of `vm-profiles/`. Everything is optional; what is left out keeps its default. */
export const profileSchema = z.strictObject({
  description: z.string().optional(),
  cell: profileCellSchema.partial().optional(),
  /** Options of `bcvk libvirt run`. */
  resources: z.strictObject({ memory: size, vcpus: z.int().positive(), disk_size: size }).partial().optional(),
  kernel_arguments: z.array(z.string().min(1)).optional(),
  allow_missing_fsverity: z.boolean().optional(),
  /** Which plans run where the command line names none; a plan is taken when its name contains one of these. */
  plans: z.array(z.string().min(1)).optional(),
  /** For a machine with KVM; without it they are scaled. */
  timeouts: z.strictObject({ boot_seconds: seconds, plan_seconds: seconds }).partial().optional(),
});

export type ProfileFile = z.infer<typeof profileSchema>;

/** The axis that a field of `cell` sets. */
export function axisOfField(field: string): Axis | undefined {
  return (Object.keys(axes) as Axis[]).find((axis) => axes[axis].field === field);
}
