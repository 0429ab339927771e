import { CodedError } from '@workbench/run';
import { runPodman } from './podman.ts';
import { registryAuthEnvironment } from './registry-auth.ts';
import { runPullByHand } from './set-unified.ts';
import { useContainerStorage } from './storage-session.ts';

/** Verbs of `podman image` that work on the storage of bootc. */
export const imageCommandVerbs = ['list', 'build', 'push', 'pull'] as const;
export type ImageCommandVerb = (typeof imageCommandVerbs)[number];

const timeoutMs = 24 * 3600 * 1000;

/**
 * `bootc image cmd VERB ARGS…`: `podman image VERB ARGS…` on the storage of bootc. Standard output is podman's; what it says
 * on standard error is in the error. A pull without options shows its progress.
 *
 * @throws CodedError `USAGE`; CommandError; what pulling throws.
 */
export async function runImageCommand(verb: ImageCommandVerb, args: readonly string[]): Promise<void> {
  const hasOptions = args.some((arg) => arg.startsWith('-'));
  if (verb === 'pull' && args.length === 0) {
    throw new CodedError('USAGE', 'an image to pull is missing', { hint: 'bootc image cmd pull IMAGE', exitCode: 2 });
  }
  if (verb === 'pull' && !hasOptions) return runPullByHand(args);
  await useContainerStorage(async ({ storage }) => {
    await runPodman(storage.path, ['image', verb, ...args], {
      step: `podman image ${verb}`,
      timeoutMs,
      env: await registryAuthEnvironment({ root: '/' }),
      stdio: 'inherit-output',
    });
  });
}
