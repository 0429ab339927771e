import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { z } from 'zod';
import { inputsLabel } from './base.ts';
import { inspectImage, podman } from './podman.ts';

/** What `podman ps --external` prints of what a build works in; the rest of it is not used. */
const containersSchema = z
  .array(z.object({ Id: z.string(), ImageID: z.string(), Command: z.array(z.string()).nullish() }))
  .nullable();

/**
 * Removes the containers that builds on our bases have left: podman keeps one for each stage it has begun, with a mount, when it
 * is stopped or killed. Those of other images stay; and while any build runs there, all do, since they might be its own.
 *
 * @throws CommandError when podman fails.
 */
export async function removeWorkingContainers(): Promise<void> {
  const argv = ['ps', '--all', '--external', '--format=json'];
  const { stdout } = await podman(argv, { step: 'look for what builds have left' });
  const working = (containersSchema.parse(JSON.parse(stdout)) ?? []).filter(
    ({ Command }) => Command?.[0] === 'buildah',
  );
  // Asked afterwards: none of those listed is of a build that begins now.
  if (working.length === 0 || isBuildRunning()) return;
  const images = [...new Set(working.map(({ ImageID }) => ImageID))].filter((id) => id !== '');
  const facts = await Promise.all(images.map(async (id) => [id, await inspectImage(id)] as const));
  const ours = new Set(facts.filter(([, image]) => image?.labels[inputsLabel] !== undefined).map(([id]) => id));
  const left = working.filter(({ ImageID }) => ours.has(ImageID)).map(({ Id }) => Id);
  if (left.length > 0) await podman(['rm', '--force', ...left], { step: 'remove what builds have left' });
}

/** Whether podman or buildah builds anything in the storage that is ours, too. */
function isBuildRunning(): boolean {
  const setting = 'CONTAINERS_STORAGE_CONF';
  const own = process.env[setting] === undefined ? undefined : `${setting}=${process.env[setting]}`;
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .some((pid) => {
      const [program = '', ...args] = wordsOf(`/proc/${pid}/cmdline`);
      if (!['podman', 'buildah'].includes(basename(program)) || !args.some((word) => ['build', 'bud'].includes(word)))
        return false;
      return wordsOf(`/proc/${pid}/environ`).find((word) => word.startsWith(`${setting}=`)) === own;
    });
}

function wordsOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    // It has ended, or is another user's, whose storage is another one.
    return [];
  }
}
