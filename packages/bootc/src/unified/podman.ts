import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { CodedError, CommandError, type RunOptions, type RunResult, run } from '@workbench/run';

/**
 * Where podman finds the storage and keeps its state of this boot. Podman records the paths it was called with in its
 * database and refuses to work with others, so they never change: the storage is bound to the first in a mount namespace
 * of podman's own, the second is a descriptor of the folder that the first hides.
 */
const paths = { storage: '/run/bootc/storage', runRootDescriptor: '/proc/self/fd/3' } as const;

/** How `containers-storage:` references name the storage of {@link runPodman} from within. */
export const storageSpecifier = `[overlay@${paths.storage}+${paths.runRootDescriptor}]`;

// Node cannot run anything between fork and exec, so a shell binds the folder it stands in. Podman dies with this
// process, however that ends.
const enterStorage = `mount --bind . ${paths.storage} && exec setpriv --pdeathsig KILL -- "$@"`;

/** The program that manages containers. */
export function podmanProgram(): string {
  return process.env.BOOTC_EXP_EXTERNAL_CONTAINER_TOOL ?? 'podman';
}

/**
 * Runs podman on a storage: `--root` and `--runroot` are set here.
 *
 * @param storagePath folder of the storage.
 * @throws CodedError `PODMAN_MISSING`; CommandError.
 */
export async function runPodman(
  storagePath: string,
  args: readonly string[],
  options: Omit<RunOptions, 'cwd' | 'fds'>,
): Promise<RunResult> {
  mkdirSync(paths.storage, { recursive: true, mode: 0o700 });
  const runRoot = openSync(paths.storage, constants.O_RDONLY | constants.O_DIRECTORY);
  const podman = [podmanProgram(), '--root', paths.storage, '--runroot', paths.runRootDescriptor, ...args];
  try {
    return await run(['unshare', '-m', '--', 'sh', '-c', enterStorage, 'sh', ...podman], {
      ...options,
      cwd: storagePath,
      fds: [runRoot],
    });
  } catch (error) {
    // setpriv(1) exits with 127 when there is no such program.
    throw error instanceof CommandError && error.commandExitCode === 127 ? podmanMissing(error) : error;
  } finally {
    closeSync(runRoot);
  }
}

/** Runs podman on the storage of the host, where people work with it. @throws as {@link runPodman}. */
export async function runHostPodman(args: readonly string[], options: RunOptions): Promise<RunResult> {
  try {
    return await run([podmanProgram(), ...args], options);
  } catch (error) {
    throw error instanceof CommandError && error.failure === 'not-found' ? podmanMissing(error) : error;
  }
}

function podmanMissing(cause: unknown): CodedError {
  return new CodedError('PODMAN_MISSING', `${podmanProgram()} was not found, and the storage of images needs it`, {
    hint: 'put podman into the image, or do without --experimental-unified-storage',
    cause,
  });
}
