import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { note, step } from '../steps/step.ts';
import type { GuestSession } from './guest-session.ts';

const image = z.looseObject({
  image: z.looseObject({ image: z.string(), transport: z.string() }),
  imageDigest: z.string(),
});
const entry = z.looseObject({ image: image.nullish() });

/** What of `bootc status --json` an upgrade is judged by. */
const statusSchema = z.looseObject({
  status: z.looseObject({ booted: entry.nullish(), staged: entry.nullish() }),
});

/** Which image a guest runs, and which one its next boot would start. */
export interface GuestImages {
  /** What the booted system follows, as `transport:image`. */
  readonly follows: string | undefined;
  readonly booted: string | undefined;
  readonly staged: string | undefined;
}

/** Reads `bootc status --json`. Digests are those of manifests, with `sha256:`. */
export function guestImages(statusJson: string): GuestImages {
  const { booted, staged } = statusSchema.parse(JSON.parse(statusJson)).status;
  const reference = booted?.image?.image;
  return {
    follows: reference === undefined ? undefined : `${reference.transport}:${reference.image}`,
    booted: booted?.image?.imageDigest,
    staged: staged?.image?.imageDigest,
  };
}

/** The command by which a guest comes to an image of its host's container storage. */
export function upgradeCommand(follows: string | undefined, imageName: string): string {
  return follows === `containers-storage:${imageName}`
    ? 'bootc upgrade'
    : `bootc switch --transport=containers-storage ${imageName}`;
}

/**
 * Brings a guest to an image of this machine's container storage, which it sees over virtiofs, and reboots it.
 *
 * @param reboot reboots the guest and waits for it; the proof of the reboot is its own.
 * @returns false when the guest ran that image already, and nothing was done.
 * @throws CodedError UPGRADE_NOT_STAGED, UPGRADE_NOT_PROVED; whatever bootc says.
 */
export async function upgradeGuest(options: {
  session: Pick<GuestSession, 'script'>;
  image: string;
  digest: string;
  reboot: () => Promise<string>;
  signal: AbortSignal;
}): Promise<boolean> {
  const { session, digest, signal } = options;
  const status = async (): Promise<GuestImages> => {
    const { stdout } = await session.script('bootc status --json', { step: 'ask the guest for its status', signal });
    return guestImages(stdout);
  };
  const before = await status();
  if (before.booted === digest) {
    note(`the guest runs ${digest} already`);
    return false;
  }
  if (before.staged !== digest) {
    const command = upgradeCommand(before.follows, options.image);
    await step(command, () =>
      session.script(`${command} >&2`, { step: command, timeoutMs: 1_800_000, signal, onLine: (line) => note(line) }),
    );
  }
  const { staged } = await status();
  if (staged !== digest) {
    throw new CodedError('UPGRADE_NOT_STAGED', `the guest staged ${staged ?? 'nothing'}, not ${digest}`, {
      hint: 'just bcvk ssh bootc status',
    });
  }
  const bootId = await options.reboot();
  const { booted } = await status();
  if (booted === digest) {
    note(`boot ${bootId} runs ${digest}`);
    return true;
  }
  throw new CodedError('UPGRADE_NOT_PROVED', `after the reboot the guest runs ${booted ?? 'no image'}, not ${digest}`, {
    hint: 'just bcvk logs; just bcvk ssh bootc status',
  });
}
