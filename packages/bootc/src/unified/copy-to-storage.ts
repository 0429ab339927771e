import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { exportLayout, type Repository } from '@workbench/composefs';
import { CodedError, run } from '@workbench/run';
import { listenForStopSignals } from '../install/stop-signals.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { buildRootModel, type DeploymentRecord } from '../storage/root-model.ts';
import { runHostPodman } from './podman.ts';
import { warn } from './storage-session.ts';

/** What is copied: the image of a deployment by its name, that of the booted one by default. */
export interface CopyOptions {
  source: string | undefined;
  target: string | undefined;
}

const defaultTarget = 'localhost/bootc';
const copyTimeoutMs = 3600 * 1000;

/**
 * `bootc image copy-to-storage`: exports the image of a deployment into the default container storage of the host.
 *
 * @throws CodedError `IMAGE_NOT_DEPLOYED`; what `exportLayout` throws; CommandError.
 */
export async function runCopyToStorage(options: CopyOptions): Promise<void> {
  using stop = listenForStopSignals();
  await using storage = await openBootedStorage('read');
  const { deployments, host } = await buildRootModel(storage);
  const manifestDigest = manifestOf([...deployments.values()], host.deploymentId, options.source);
  const target = options.target ?? defaultTarget;
  await copyToDefaultStorage(await storage.openRepository(), { manifestDigest, target, signal: stop.signal });
  process.stdout.write(`Copied ${manifestDigest} to containers-storage:${target}\n`);
}

/** The manifest of the deployment that follows an image of this name, or of the booted one. @throws `IMAGE_NOT_DEPLOYED`. */
export function manifestOf(
  deployments: readonly DeploymentRecord[],
  bootedId: string,
  source: string | undefined,
): string {
  const named = deployments.filter(({ id, reference }) =>
    source === undefined ? id === bootedId : reference?.image === source,
  );
  // Several may follow one name; the booted one is what is seen to run.
  const chosen = named.find(({ id }) => id === bootedId) ?? named[0];
  const manifestDigest = chosen?.origin?.manifestDigest;
  if (manifestDigest !== undefined) return manifestDigest;
  const known = deployments.flatMap(({ reference }) => reference?.image ?? []);
  throw new CodedError(
    'IMAGE_NOT_DEPLOYED',
    chosen === undefined
      ? `Image ${source ?? 'of the booted deployment'} not found`
      : `deployment ${chosen.id} does not tell its manifest`,
    { hint: `deployments follow ${[...new Set(known)].join(', ') || 'no image'}` },
  );
}

/**
 * Exports an image of a repository into the default container storage, under a name. However it ends, nothing else of it stays.
 *
 * @throws as {@link runCopyToStorage}; the signal's reason.
 */
export async function copyToDefaultStorage(
  repository: Repository,
  copy: { manifestDigest: string; target: string; signal?: AbortSignal },
): Promise<void> {
  const abort = copy.signal === undefined ? {} : { signal: copy.signal };
  // Podman lays its storage out, which skopeo would do in another way.
  await runHostPodman(['system', 'info'], { step: 'initialize the default container storage', ...abort }).catch(
    (error: unknown) => {
      if (!(error instanceof CodedError)) throw error;
      warn(error.message);
    },
  );
  const directory = await mkdtemp(join('/var/tmp', 'bootc-export-'));
  try {
    await exportLayout(repository, copy.manifestDigest, { directory, ...abort });
    await run(['skopeo', 'copy', '--quiet', `oci:${directory}`, `containers-storage:${copy.target}`], {
      step: `copy the image to containers-storage:${copy.target}`,
      timeoutMs: copyTimeoutMs,
      ...abort,
    });
  } catch (error) {
    copy.signal?.throwIfAborted();
    throw error;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
