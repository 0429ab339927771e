import { z } from 'zod';
import { type Cell, cellValues } from './cell.ts';

/** A cell as it is read from a file. An axis without a row here does not compile. */
export const cellSchema = z.strictObject({
  variant: z.enum(cellValues.variant),
  bootloader: z.enum(cellValues.bootloader),
  bootType: z.enum(cellValues.bootType),
  sealState: z.enum(cellValues.sealState),
  filesystem: z.enum(cellValues.filesystem),
} satisfies { readonly [A in keyof Cell]: z.ZodType<Cell[A]> });
