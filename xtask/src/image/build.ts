import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { isSealed } from '../matrix/bcvk-options.ts';
import type { Cell } from '../matrix/cell.ts';
import { imageBuildArguments, imageKind } from '../matrix/image-arguments.ts';
import { workspace, workspaceRoot } from '../settings/workspace.ts';
import { note, progress, step } from '../steps/step.ts';
import { debianBaseOf, ensureDebianImage, sealingTools } from './base.ts';
import { withBuildFolders } from './build-lock.ts';
import { assembleContext, type BuildContext } from './context.ts';
import { inspectImage, podman } from './podman.ts';
import { removeWorkingContainers } from './working-containers.ts';

/** The name of the image under test. */
export const bootcImage = 'localhost/bootc';

/** The label of an image that says for which cells it was made: `imageKind`. */
export const kindLabel = 'workbench.kind';

/** Images to upgrade to, tagged with their number; what they say is in `/usr/share/bootc-tests-marker`. */
export const upgradeImage = 'localhost/bootc-upgrade';

/** How many images to upgrade to there are: as many as a plan goes through. */
const upgradeImages = 2;

/** The name of an image to upgrade to, numbered from 1. */
export function upgradeImageOf(upgrade: number): string {
  return `${upgradeImage}:${upgrade}`;
}

/** What an image is built from. */
export interface BuildOptions {
  /** The image to build on (`BOOTC_base`). Default: the Debian base, which is made here. */
  base?: string | undefined;
  cell: Cell;
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
 * Builds `localhost/bootc`: base, configuration, kernel and initramfs, runtime, and our program as the last layer; or with a
 * unified kernel image of all that on top. What did not change is taken from podman's layer cache, so that a change of code rebuilds the last layer only.
 *
 * @throws CommandError when a tool fails, with its last lines; the image of that name stays the one it was.
 */
export async function buildImages(options: BuildOptions): Promise<BuiltImage> {
  const { signal } = options;
  const logFile = logFileOf(options);
  return step(`build ${bootcImage}`, async () => {
    const base = await step('base image', () => chooseBase(options, logFile));
    const certificate =
      options.cell.bootType === 'uki'
        ? await step('tools for sealing', () => prepareSealing(options.cell, { logFile, signal }))
        : undefined;
    const build = async (): Promise<void> => {
      await step('program', () => bundleProgram(logFile, signal));
      await step('image', async () => {
        const context = await assembleContext({ base, logFile, signal });
        await buildOne(bootcImage, { cell: options.cell, base, context, certificate }, options);
      });
    };
    await withBuildFolders(`build ${bootcImage}`, build, { signal });
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

/**
 * Whether plans of a cell need images to upgrade to that are made here: those of a cell with unified kernel images, which nothing
 * in the VM could make and sign. Elsewhere a plan derives its images in the VM.
 */
export function needsUpgradeImages(cell: Cell): boolean {
  return cell.variant === 'composefs' && cell.bootType === 'uki';
}

/**
 * Builds the images that plans upgrade to: the image under test with a marker, and a unified kernel image that fits that.
 *
 * @returns their name without a tag.
 * @throws CommandError when podman or a tool in the build fails.
 */
export async function buildUpgradeImages(options: BuildOptions): Promise<string> {
  const { cell, signal } = options;
  const logFile = logFileOf(options);
  return step(`build ${upgradeImage}`, async () => {
    const base = await chooseBase(options, logFile);
    const certificate = await prepareSealing(cell, { logFile, signal });
    const build = async (): Promise<void> => {
      const context = await assembleContext({ base, logFile, signal });
      for (let upgrade = 1; upgrade <= upgradeImages; upgrade++) {
        const inputs = { cell, base, context, certificate, upgrade };
        await buildOne(upgradeImageOf(upgrade), inputs, options);
      }
    };
    await withBuildFolders(`build ${upgradeImage}`, build, { signal });
    return upgradeImage;
  });
}

/**
 * The images that plans upgrade to, where they were built before.
 *
 * @returns their name without a tag.
 * @throws CodedError UPGRADE_IMAGE_MISSING.
 */
export async function requireUpgradeImages(signal: AbortSignal): Promise<string> {
  for (let upgrade = 1; upgrade <= upgradeImages; upgrade++) {
    const image = upgradeImageOf(upgrade);
    if ((await inspectImage(image, signal)) !== undefined) continue;
    throw new CodedError('UPGRADE_IMAGE_MISSING', `podman has no ${image}, which a plan upgrades to`, {
      hint: '`just test-tmt` with the same plans makes it',
    });
  }
  return upgradeImage;
}

function logFileOf(options: BuildOptions): string {
  return options.logFile ?? join(workspaceRoot, 'target/image/build.log');
}

async function buildOne(image: string, inputs: BuildInputs, options: BuildOptions): Promise<void> {
  const { signal } = options;
  await removeWorkingContainers();
  try {
    await podman(buildArguments(inputs), {
      step: `build ${image}`,
      timeoutMs: 1_800_000,
      logFile: logFileOf(options),
      signal,
      endsWithUs: 'SIGTERM',
      onLine: progress,
    });
  } catch (error) {
    // Why it ended is told, whether or not this works too.
    await removeWorkingContainers().catch(() => {});
    throw error;
  }
}

async function chooseBase(options: BuildOptions, logFile: string): Promise<string> {
  if (options.base === undefined || options.base === '') {
    const base = debianBaseOf(options.cell);
    await ensureDebianImage(base, { fresh: options.freshBase ?? false, logFile, signal: options.signal });
    return base.name;
  }
  if ((await inspectImage(options.base, options.signal)) === undefined) {
    await podman(['pull', '--quiet', options.base], {
      step: `pull ${options.base}, the base that BOOTC_base asks for`,
      timeoutMs: 1_800_000,
      logFile,
      signal: options.signal,
      onLine: progress,
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

// The digest of the certificate that a sealed image is signed by; undefined for an unsealed one.
async function prepareSealing(
  cell: Cell,
  options: { logFile: string; signal: AbortSignal },
): Promise<string | undefined> {
  await ensureDebianImage(sealingTools, options);
  if (!isSealed(cell)) return undefined;
  return createHash('sha256')
    .update(await readFile(join(workspace.secureBootKeys, 'db.crt')))
    .digest('hex');
}

/** What one image build is made of. */
export interface BuildInputs {
  cell: Cell;
  base: string;
  context: BuildContext;
  /** Digest of the certificate that the image is signed by: keys that were made anew make it another image. */
  certificate?: string | undefined;
  /** Number of the image to upgrade to. Default: the image under test. */
  upgrade?: number;
}

/** The argument vector of the image build, after `podman`. */
export function buildArguments({ cell, base, context, certificate, upgrade }: BuildInputs): string[] {
  const secret = (id: string, file: string): string => `--secret=id=${id},src=${join(workspace.secureBootKeys, file)}`;
  const sealing = [secret('secureboot_key', 'db.key'), secret('secureboot_cert', 'db.crt')];
  return [
    'build',
    '--network=none',
    '--pull=never',
    `--target=${cell.bootType}`,
    ...(upgrade === undefined
      ? [`--tag=${bootcImage}`]
      : [`--tag=${upgradeImageOf(upgrade)}`, `--build-arg=upgrade=${upgrade}`]),
    `--build-arg=base=${base}`,
    `--build-arg=system_inputs=${context.systemInputs}`,
    ...(cell.bootType === 'uki' ? [`--build-arg=inputs=${context.inputs}`] : []),
    ...imageBuildArguments(cell),
    `--build-arg=kind=${imageKind(cell)}`,
    ...(cell.bootType === 'bls' && base === debianBaseOf(cell).name ? ['--build-arg=lint=--fatal-warnings'] : []),
    ...(isSealed(cell) ? [...sealing, `--build-arg=certificate=${certificate ?? 'none'}`] : []),
    `--file=${join(workspaceRoot, 'images/Containerfile')}`,
    context.folder,
  ];
}
