import { closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { CodedError, CommandError, type RunOptions, type RunResult, run } from '@workbench/run';
import { readOptionalText } from '../storage/optional-file.ts';

/**
 * Where podman finds the storage and keeps its state of this boot. Podman records the paths it was called with in its
 * database and refuses to work with others, so they never change: the storage is bound to the first in a mount namespace
 * of podman's own, the second is a descriptor of the folder that the first hides.
 */
const paths = { storage: '/run/bootc/storage', runRootDescriptor: '/proc/self/fd/3' } as const;

const externalTool = 'BOOTC_EXP_EXTERNAL_CONTAINER_TOOL';

/** How `containers-storage:` references name the storage of {@link runPodman} from within. */
const storageSpecifier = `[overlay@${paths.storage}+${paths.runRootDescriptor}]`;

// Node cannot run anything between fork and exec, so a shell binds the folder it stands in. Podman dies with this
// process, however that ends.
const enterStorage = `mount --bind . ${paths.storage} && exec setpriv --pdeathsig KILL -- "$@"`;

/**
 * The configuration of containers-storage.conf(5) that podman gets. Without it, it would use layers of other stores that the
 * host is configured to look into as well: they may be on another file system, or gone tomorrow.
 */
const configuration = {
  directory: '/run/bootc',
  name: 'storage.conf',
  content: `[storage]\ndriver = "overlay"\ngraphroot = "${paths.storage}"\nrunroot = "${paths.runRootDescriptor}"\n`,
} as const;

async function writeConfiguration(): Promise<string> {
  const { directory, name, content } = configuration;
  const path = join(directory, name);
  if ((await readOptionalText(path)) === content) return path;
  mkdirSync(directory, { recursive: true });
  await replaceFile(directory, name, content);
  return path;
}

/** The program that manages containers. */
export function podmanProgram(): string {
  return process.env[externalTool] ?? 'podman';
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
  const podman = [podmanProgram(), '--root', paths.storage, '--runroot', paths.runRootDescriptor] as const;
  const env = { ...options.env, CONTAINERS_STORAGE_CONF: await writeConfiguration(), STORAGE_OPTS: undefined };
  return runInStorage(storagePath, [...podman, ...args], { ...options, env });
}

/**
 * Copies an image into a storage under a name, with all that its source says of it but the signatures.
 *
 * @param source as skopeo takes it; `containers-storage:` is that of the host.
 * @throws CodedError `PODMAN_MISSING`; CommandError.
 */
export async function copyIntoStorage(
  storagePath: string,
  copy: { source: string; name: string },
  options: Omit<RunOptions, 'cwd' | 'fds' | 'step'>,
): Promise<void> {
  const skopeo = process.env[externalTool] ?? 'skopeo';
  const target = `containers-storage:${storageSpecifier}${copy.name}`;
  const argv = [skopeo, 'copy', '--quiet', '--remove-signatures', copy.source, target] as const;
  await runInStorage(storagePath, argv, { ...options, step: `copy ${copy.source} to the storage of bootc` });
}

async function runInStorage(
  storagePath: string,
  argv: readonly [string, ...string[]],
  options: Omit<RunOptions, 'cwd' | 'fds'>,
): Promise<RunResult> {
  mkdirSync(paths.storage, { recursive: true, mode: 0o700 });
  const runRoot = openSync(paths.storage, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return await run(['unshare', '-m', '--', 'sh', '-c', enterStorage, 'sh', ...argv], {
      ...options,
      cwd: storagePath,
      fds: [runRoot],
    });
  } catch (error) {
    // setpriv(1) exits with 127 when there is no such program.
    throw error instanceof CommandError && error.commandExitCode === 127 ? programMissing(argv[0], error) : error;
  } finally {
    closeSync(runRoot);
  }
}

/** Runs podman on the storage of the host, where people work with it. @throws as {@link runPodman}. */
export async function runHostPodman(args: readonly string[], options: RunOptions): Promise<RunResult> {
  try {
    return await run([podmanProgram(), ...args], options);
  } catch (error) {
    throw error instanceof CommandError && error.failure === 'not-found'
      ? programMissing(podmanProgram(), error)
      : error;
  }
}

function programMissing(program: string, cause: unknown): CodedError {
  return new CodedError('PODMAN_MISSING', `${program} was not found, and the storage of images needs it`, {
    hint: 'put podman and skopeo into the image, or do without --experimental-unified-storage',
    cause,
  });
}
