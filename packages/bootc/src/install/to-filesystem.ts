import { chmod, mkdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '@workbench/run';
import { readOptionalText } from '../storage/optional-file.ts';
import { installBootloader } from './bootloader.ts';
import type { InstallConfiguration } from './configuration.ts';
import { assertEmptyRoot, assertWipeable, emptyFolder, type Replace } from './make-room.ts';
import {
  findBootMount,
  mountArguments,
  type RootArguments,
  rootArguments,
  rootArgumentsOfCommandLine,
} from './mount-arguments.ts';
import { installMounts, mountAt, settleFilesystem } from './mounts.ts';
import type { CommonInstallOptions } from './options.ts';
import { populateOptions } from './populate-options.ts';
import { type PopulatedRoot, populateRoot } from './populate-root.ts';
import { announceImage, assertSpace, prepareInstallation } from './prepare.ts';
import type { InstallUi } from './progress.ts';
import type { SourceImage } from './source.ts';
import { assertGrubFindsBoot, separateBootOf } from './target-boot.ts';
import { findTargetEsp, inspectTargetRoot, type TargetEsp, type TargetRoot, uuidOfDevice } from './target-root.ts';

/** What `bootc install to-filesystem` and `to-existing-root` were asked for. */
export interface FilesystemInstallOptions extends CommonInstallOptions {
  /** The mounted root. */
  root: string;
  replace?: Replace;
  /** Value of `root=`; the empty text: none. */
  rootMountSpec?: string;
  /** Source of `/boot`; the empty text: none. */
  bootMountSpec?: string;
  /** Without it there is time to think again before the system that runs is replaced. */
  acknowledgeDestructive: boolean;
  /** The file systems are left writable, and unused blocks where they are. */
  skipFinalize: boolean;
  /** The installed system takes the place of the running one, and finds its root the same way. */
  isExistingRoot: boolean;
  /** What else is on the root is removed when the new system is booted. */
  removesOldSystem?: boolean;
}

/** What tests put in the place of the real thing. */
export interface FilesystemInstallParts {
  findEsp(root: TargetRoot): Promise<TargetEsp>;
  installBootloader: typeof installBootloader;
}

const realParts: FilesystemInstallParts = { findEsp: findTargetEsp, installBootloader };

const thinkAgainMs = 20_000;

/**
 * Installs an image into a root that is mounted already. Everything that can be checked is checked before anything is
 * changed. With `alongside`, what the boot loader reads goes only when all of the new system is on the root, so that until
 * then the old one boots.
 *
 * @throws CodedError of the checks, of importing, or of a tool; what was mounted is unmounted again in any case.
 */
export async function installToFilesystem(
  options: FilesystemInstallOptions,
  ui: InstallUi,
  signal?: AbortSignal,
  parts: FilesystemInstallParts = realParts,
): Promise<PopulatedRoot> {
  const abort = signal === undefined ? {} : { signal };
  await using cleanup = new AsyncDisposableStack();
  process.umask(0o022);
  ui.begin('prepare');
  let root: TargetRoot | undefined;
  const prepared = await prepareInstallation(options, ui.warn, async (configuration) => {
    root = await inspectTargetRoot(options.root);
    return {
      options: { ...options, filesystem: root.filesystem, blockSetup: 'direct', viaLoopback: false },
      // Partition types are for disks that this program has partitioned.
      configuration: { ...configuration, block: ['direct'], discoverablePartitions: false },
    };
  });
  if (root === undefined) throw new Error('the target was not looked at');
  const { source, configuration } = prepared;
  const esp = await parts.findEsp(root);
  if (options.replace === 'wipe') assertWipeable(root.path, root.mounts);
  else if (options.replace === undefined) await assertEmptyRoot(root.path, root.mounts);
  if (options.replace !== 'wipe') await assertRoom(source, root);
  const asked = await findRootArguments(options, configuration, root);
  const boot = await findBoot(options, configuration, root);
  if (prepared.decision.bootloader === 'grub') {
    assertGrubFindsBoot(root, { hasBootupd: source.hasBootupd, ...(boot === undefined ? {} : { asked: boot.source }) });
  }
  const mounts = mountArguments(asked, boot);
  const decision = { ...prepared.decision, isDiscoverable: asked.rootSpec === undefined };
  announceImage(ui.print, { ...prepared, decision });
  ui.print(`  Bootloader: ${decision.bootloader}`);
  if (root.isHostRoot && !options.acknowledgeDestructive) {
    ui.warn(`the system that runs will be replaced; it begins in ${thinkAgainMs / 1000} seconds, Ctrl+C stops it`);
    await sleep(thinkAgainMs, undefined, abort);
  }
  const separateBoot = separateBootOf(root);
  for (const { mountPoint, options: words } of [root.mount, ...(separateBoot === undefined ? [] : [separateBoot])]) {
    if (!words.includes('ro')) continue;
    await run(['mount', '-o', 'remount,rw', mountPoint], { step: `make ${mountPoint} writable`, ...abort });
  }
  const espMount = esp.kind === 'mounted' ? esp.path : cleanup.use(await mountEsp(esp.device, abort)).path;
  if (options.replace === 'wipe') {
    await emptyFolder(root.path, root.mounts);
    await emptyFolder(espMount, root.mounts);
    await assertRoom(source, root);
  }

  ui.begin('import');
  const places = {
    rootMount: root.physicalRoot,
    espMount,
    ...(separateBoot && { bootMount: separateBoot.mountPoint }),
  };
  const common = await populateOptions(options, { prepared, ui, signal });
  const populated = await populateRoot({
    ...common,
    ...places,
    replacesState: options.replace !== undefined,
    removesOldSystem: options.removesOldSystem === true,
    decision,
    rootSpec: asked.rootSpec ?? '',
    kernelArguments: { ...common.kernelArguments, mounts },
    installBootloader: async (imageRoot) => {
      ui.begin('boot-loader');
      if (options.replace === 'alongside') {
        await emptyFolder(espMount, root!.mounts);
        await emptyFolder(join(root!.physicalRoot, 'boot'), root!.mounts);
        if (separateBoot !== undefined) await emptyFolder(separateBoot.mountPoint, root!.mounts);
      }
      await parts.installBootloader({ decision, imageRoot, ...places, ...abort });
    },
  });

  ui.begin('finish');
  if (!options.skipFinalize && options.replace !== 'alongside') {
    if (separateBoot !== undefined) await settleFilesystem(separateBoot.mountPoint, ui.warn, signal);
    await settleFilesystem(root.physicalRoot, ui.warn, signal);
  }
  await run(['sync', '--file-system', espMount], { step: 'sync the ESP', ...abort });
  await cleanup.disposeAsync();
  ui.end('done');
  ui.print('Installation complete!');
  return populated;
}

async function assertRoom(source: SourceImage, root: TargetRoot): Promise<void> {
  const { bavail, bsize } = await statfs(root.physicalRoot);
  assertSpace(source, { haveBytes: bavail * bsize, where: `the file system at ${root.path}` });
}

async function findRootArguments(
  options: FilesystemInstallOptions,
  configuration: InstallConfiguration,
  root: TargetRoot,
): Promise<RootArguments> {
  const asked = options.rootMountSpec ?? configuration.rootMountSpec;
  if (asked === undefined && options.isExistingRoot) {
    const found = rootArgumentsOfCommandLine(await readFile('/proc/cmdline', 'utf8'));
    if (found !== undefined) return found;
  }
  return rootArguments(asked, root);
}

async function findBoot(options: FilesystemInstallOptions, configuration: InstallConfiguration, root: TargetRoot) {
  const mounted = separateBootOf(root);
  return findBootMount({
    asked: options.bootMountSpec ?? configuration.bootMountSpec,
    fstab: await readOptionalText(join(root.path, 'etc/fstab')),
    mountedUuid: mounted === undefined ? undefined : await uuidOfDevice(mounted.source),
  });
}

async function mountEsp(device: string, abort: { signal?: AbortSignal }) {
  await mkdir(installMounts.esp, { recursive: true });
  await chmod(installMounts.esp, 0o700);
  const options = ['noexec', 'nosuid', 'fmask=0177', 'dmask=0077'];
  return mountAt(device, installMounts.esp, { type: 'vfat', options, ...abort });
}
