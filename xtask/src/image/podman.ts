import { existsSync } from 'node:fs';
import { type RunOptions, type RunResult, run } from '@workbench/run';
import { z } from 'zod';

/**
 * Runs podman. Where no systemd runs (a container, a minimal VM) there is nobody to make cgroups by, and crun refuses
 * the layout it finds there: podman is told to use runc and plain cgroupfs.
 *
 * @throws CommandError as `run` does.
 */
export async function podman(args: readonly string[], options: RunOptions): Promise<RunResult> {
  return run(podmanCommand(args), options);
}

/** The argument vector that `podman()` runs. */
export function podmanCommand(
  args: readonly string[],
  systemdRuns = existsSync('/run/systemd/system'),
): [string, ...string[]] {
  return ['podman', ...(systemdRuns ? [] : ['--cgroup-manager=cgroupfs', '--runtime=runc']), ...args];
}

const inspected = z.array(
  z.object({ Id: z.string(), Digest: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
);

/** What podman knows of one image. */
export interface ImageFacts {
  /** Hex digest of the configuration. */
  readonly id: string;
  /** Digest of the manifest, with `sha256:`. */
  readonly digest: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Looks an image up in podman's storage; undefined when it is not there. */
export async function inspectImage(image: string, signal?: AbortSignal): Promise<ImageFacts | undefined> {
  const options: RunOptions = {
    step: `look up image ${image}`,
    ...(signal === undefined ? {} : { signal }),
  };
  const exists = await podman(['image', 'exists', image], { ...options, okExitCodes: [1] });
  if (exists.exitCode !== 0) return undefined;
  const { stdout } = await podman(['image', 'inspect', image], options);
  const [facts] = inspected.parse(JSON.parse(stdout));
  if (facts === undefined) return undefined;
  return { id: facts.Id, digest: facts.Digest, labels: facts.Labels ?? {} };
}
