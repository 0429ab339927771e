import { cp, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { workspaceRoot } from '../settings/workspace.ts';
import { note, step } from '../steps/step.ts';
import { debianBase, ensureDebianBase } from './base.ts';
import { inspectImage, podman } from './podman.ts';

/** The name of the image under test. */
export const bootcImage = 'localhost/bootc';

/** What an image is built from. */
export interface BuildOptions {
  /** The image to build on (`BOOTC_base`). Default: the Debian base, which is made here. */
  base?: string | undefined;
  /** `--build-arg` options of the cell. */
  buildArguments?: readonly string[];
  /** Make the Debian base again with the packages of today. */
  freshBase?: boolean;
  /** Default: target/image/build.log. */
  logFile?: string;
  signal: AbortSignal;
}

/** The image that a build made, or found to be made already. */
export interface BuiltImage {
  readonly image: string;
  /** Digest of its manifest, with `sha256:`: equal digests are the same image to every cache behind it. */
  readonly digest: string;
}

/**
 * Builds `localhost/bootc`: base, configuration and initramfs, runtime, and our program as the last layer. What did not
 * change is taken from podman's layer cache, so that a change of code rebuilds the last layer only.
 *
 * @throws CommandError when a tool fails, with its last lines; the image of that name stays the one it was.
 */
export async function buildImages(options: BuildOptions): Promise<BuiltImage> {
  const logFile = options.logFile ?? join(workspaceRoot, 'target/image/build.log');
  const { signal } = options;
  return step(`build ${bootcImage}`, async () => {
    const base = await step('base image', () => chooseBase(options, logFile));
    await step('program', () => bundleProgram(logFile, signal));
    await step('image', async () => {
      const context = await assembleContext(logFile, signal);
      await podman(buildArguments(base, options.buildArguments ?? [], context), {
        step: `build ${bootcImage}`,
        timeoutMs: 1_800_000,
        logFile,
        signal,
      });
    });
    const built = await inspectImage(bootcImage, signal);
    if (built === undefined) {
      throw new CodedError('IMAGE_VANISHED', `${bootcImage} was built, and is not in podman's storage any more`, {
        hint: 'is another process pruning images? build again',
      });
    }
    note(`${bootcImage} ${built.digest}`);
    return { image: bootcImage, digest: built.digest };
  });
}

async function chooseBase(options: BuildOptions, logFile: string): Promise<string> {
  if (options.base === undefined || options.base === '') {
    await ensureDebianBase({ fresh: options.freshBase ?? false, logFile, signal: options.signal });
    return debianBase;
  }
  if ((await inspectImage(options.base, options.signal)) === undefined) {
    await podman(['pull', '--quiet', options.base], {
      step: `pull ${options.base}, the base that BOOTC_base asks for`,
      timeoutMs: 1_800_000,
      logFile,
      signal: options.signal,
    });
  }
  return options.base;
}

async function bundleProgram(logFile: string, signal: AbortSignal): Promise<void> {
  await run([process.execPath, 'packages/bootc/bundle.ts'], {
    step: 'bundle the program for the guest',
    cwd: workspaceRoot,
    logFile,
    signal,
  });
}

/** The argument vector of the image build, after `podman`. `context` is the folder that the Containerfile copies from. */
export function buildArguments(base: string, cellArguments: readonly string[], context: string): string[] {
  return [
    'build',
    '--network=none',
    '--pull=never',
    `--tag=${bootcImage}`,
    `--build-arg=base=${base}`,
    ...cellArguments,
    `--file=${join(workspaceRoot, 'images/Containerfile')}`,
    context,
  ];
}

/** Lays out one folder a layer, with the times that the files have at their source: podman's cache looks at both. */
async function assembleContext(logFile: string, signal: AbortSignal): Promise<string> {
  const context = join(workspaceRoot, 'target/image/context');
  const parts: readonly [from: string, to: string, ...options: string[]][] = [
    ['images/rootfs/', 'system/'],
    ['packages/bootc/rootfs/usr/lib/dracut/', 'system/usr/lib/dracut/'],
    ['target/guest/usr/lib/bootc/node', 'runtime/usr/lib/bootc/'],
    ['packages/bootc/rootfs/', 'program/', '--exclude=/usr/lib/dracut'],
    ['target/guest/', 'program/', '--exclude=/usr/lib/bootc/node'],
  ];
  await rm(context, { recursive: true, force: true });
  for (const [from, to, ...exclude] of parts) {
    await mkdir(join(context, to), { recursive: true });
    await run(['rsync', '--archive', ...exclude, from, join(context, to)], {
      step: 'lay out the build context',
      cwd: workspaceRoot,
      logFile,
      signal,
    });
  }
  await cp(join(workspaceRoot, 'images/configure.sh'), join(context, 'configure.sh'), { preserveTimestamps: true });
  return context;
}
