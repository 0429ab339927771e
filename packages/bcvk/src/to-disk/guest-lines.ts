import { z } from 'zod';
import { resultMarker } from './guest-units.ts';

const progressLine = z.object({
  step: z.string(),
  percent: z.number(),
  bytesDone: z.number().optional(),
  bytesTotal: z.number().optional(),
});

/** How far the guest's installation is. */
export type GuestProgress = z.infer<typeof progressLine>;

/** Reads one line of the progress port; undefined for a line that is none: progress is for people, never a verdict. */
export function parseProgress(line: string): GuestProgress | undefined {
  try {
    return progressLine.safeParse(JSON.parse(line)).data;
  } catch {
    return undefined;
  }
}

/** How the guest says that the installation ended: systemd's `$SERVICE_RESULT` and `$EXIT_STATUS`. */
export interface GuestResult {
  result: string;
  exitStatus: string;
}

/** Reads the result line of this run, known by its nonce; undefined for any other line. */
export function parseResult(line: string, nonce: string): GuestResult | undefined {
  const [marker, seenNonce, result, exitStatus = ''] = line.trim().split(' ');
  if (marker !== resultMarker || seenNonce !== nonce || result === undefined) return undefined;
  return { result, exitStatus };
}
