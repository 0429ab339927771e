import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

/** The file in a plan's folder where the bundled bcvk writes what its steps took (its variable BCVK_TIMINGS). */
export const timingsName = 'bcvk-timings.json';

const timingsSchema = z.looseObject({
  phases: z.array(
    z.looseObject({
      name: z.string(),
      durationMs: z.number(),
      facts: z
        .looseObject({ accel: z.enum(['kvm', 'tcg']).optional(), wantsSnapshot: z.boolean().optional() })
        .optional(),
    }),
  ),
});

export type BcvkTimings = z.infer<typeof timingsSchema>;

/** What bcvk wrote into a folder; undefined when it wrote nothing, or another version of it something else. */
export function readBcvkTimings(folder: string): BcvkTimings | undefined {
  const file = join(folder, timingsName);
  if (!existsSync(file)) return undefined;
  try {
    return timingsSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch {
    return undefined;
  }
}

/** How the VM runs that bcvk started. */
export function readBcvkAccel(folder: string): 'kvm' | 'tcg' | undefined {
  return readBcvkTimings(folder)?.phases.find(({ facts }) => facts?.accel !== undefined)?.facts?.accel;
}

/** What a VM that bcvk started has to do with snapshots: it went on from one, or one is to be taken once it has booted. */
export function readSnapshotState(folder: string): 'restored' | 'wanted' | undefined {
  const phases = readBcvkTimings(folder)?.phases ?? [];
  // A snapshot that did not start is followed by a boot.
  const last = phases.findLast(({ name }) => name === 'start' || name === 'restore');
  if (last?.name === 'restore') return 'restored';
  return last?.facts?.wantsSnapshot === true ? 'wanted' : undefined;
}
