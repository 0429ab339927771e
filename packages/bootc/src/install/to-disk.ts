import { randomUUID } from 'node:crypto';
import { realpath, stat, statfs } from 'node:fs/promises';
import { CodedError, run } from '@workbench/run';
import { configurationArchitecture } from '../boot/architecture.ts';
import {
  assertOverwritable,
  assertUnheld,
  type BlockDevice,
  inspectBlockDevice,
  waitForPartitions,
  wipeCommands,
} from './block-device.ts';
import { installBootloader } from './bootloader.ts';
import { mkfsEspCommand, mkfsRootCommand } from './file-systems.ts';
import { attachLoop, installMounts, mountAt, settleFilesystem } from './mounts.ts';
import type { InstallOptions } from './options.ts';
import {
  formatSfdiskScript,
  partitionDevice,
  planPartitions,
  rootBytesOnDisk,
  sfdiskCommand,
} from './partition-table.ts';
import { populateOptions } from './populate-options.ts';
import { type PopulatedRoot, populateRoot } from './populate-root.ts';
import { announceImage, assertSpace, type PreparedInstallation, prepareInstallation } from './prepare.ts';
import type { InstallUi } from './progress.ts';

/**
 * Installs an image onto a whole disk. Everything that can be checked is checked before the disk is touched. Whatever
 * stops it, `signal` included, everything that was mounted or attached is taken away again; the disk then has no boot
 * entry, unless all of the system is on it.
 *
 * @throws CodedError of the checks, of importing, or of a tool.
 */
export async function installToDisk(
  options: InstallOptions,
  ui: InstallUi,
  signal?: AbortSignal,
): Promise<PopulatedRoot> {
  const abort = signal === undefined ? {} : { signal };
  await using cleanup = new AsyncDisposableStack();
  // Modes on the disk must not depend on the shell this was started from.
  process.umask(0o022);
  ui.begin('prepare');
  const prepared = await prepareInstallation(options, ui.warn, async (configuration) => ({ options, configuration }));
  if (options.viaLoopback && !options.genericImage) ui.warn('--via-loopback implies --generic-image');
  const { decision, source } = prepared;
  const device = await openTarget(options, cleanup, abort);
  const partitions = planPartitions(configurationArchitecture(), options.rootSizeMiB);
  assertSpace(source, {
    haveBytes: rootBytesOnDisk(partitions, device),
    where: `the root partition of ${device.path}`,
  });
  announce(ui, options, prepared, device);

  ui.begin('partition');
  if (options.wipe) {
    for (const command of wipeCommands(device)) await run(command, { step: `wipe ${device.path}`, ...abort });
  }
  await run(sfdiskCommand(device.path), {
    step: `partition ${device.path}`,
    input: formatSfdiskScript(partitions, randomUUID()),
    ...abort,
  });
  const devices = partitions.map((_, index) => partitionDevice(device.path, index + 1));
  await waitForPartitions(devices, signal);
  const deviceOf = (role: string): string => {
    const found = devices[partitions.findIndex((partition) => partition.role === role)];
    if (found === undefined) throw new Error(`no ${role} partition was planned`);
    return found;
  };

  ui.begin('format');
  const rootUuid = randomUUID();
  const { filesystem } = decision;
  await run(mkfsEspCommand(deviceOf('esp')), { step: 'make the file system of the ESP', ...abort });
  await run(mkfsRootCommand(filesystem, { device: deviceOf('root'), uuid: rootUuid, overwrite: options.wipe }), {
    step: 'make the root file system',
    ...abort,
  });
  cleanup.use(await mountAt(deviceOf('root'), installMounts.root, { type: filesystem, ...abort }));
  const espOptions = { type: 'vfat', options: ['noexec', 'nosuid', 'fmask=0177', 'dmask=0077'], ...abort };
  cleanup.use(await mountAt(deviceOf('esp'), installMounts.esp, espOptions));
  const { bavail, bsize } = await statfs(installMounts.root);
  assertSpace(source, { haveBytes: bavail * bsize, where: `the root file system of ${device.path}` });

  ui.begin('import');
  const mounts = { rootMount: installMounts.root, espMount: installMounts.esp };
  const installed = await populateRoot({
    ...(await populateOptions(options, { prepared, ui, signal })),
    ...mounts,
    decision,
    rootSpec: `UUID=${rootUuid}`,
    installBootloader: async (imageRoot) => {
      ui.begin('boot-loader');
      await installBootloader({ decision, imageRoot, ...mounts, ...abort });
    },
  });

  ui.begin('finish');
  await settleFilesystem(installMounts.root, ui.warn, signal);
  await run(['sync', '--file-system', installMounts.esp], { step: 'sync the ESP', ...abort });
  // Here and not by leaving the scope, so that a failure to unmount is a failure of the installation.
  await cleanup.disposeAsync();
  ui.end('done');
  ui.print('Installation complete!');
  return installed;
}

async function openTarget(
  options: InstallOptions,
  cleanup: AsyncDisposableStack,
  abort: { signal?: AbortSignal },
): Promise<BlockDevice> {
  const name = options.viaLoopback
    ? cleanup.use(await attachLoop(await regularFile(options.device), abort.signal)).device
    : options.device;
  const device = await inspectBlockDevice(name, abort.signal);
  assertOverwritable(device, { wipe: options.wipe });
  assertUnheld(device.path);
  return device;
}

async function regularFile(name: string): Promise<string> {
  const found = await stat(name).catch(() => undefined);
  if (found?.isFile() === true) return realpath(name);
  throw new CodedError('NOT_A_REGULAR_FILE', `Not a regular file (to be used via loopback): ${name}`, {
    hint: 'make one of the wanted size first: truncate -s 10G FILE',
  });
}

function announce(ui: InstallUi, options: InstallOptions, prepared: PreparedInstallation, device: BlockDevice): void {
  const { decision } = prepared;
  announceImage(ui.print, prepared);
  ui.print(`Block setup: ${options.blockSetup ?? 'direct'}`);
  ui.print(`        Size: ${(device.sizeBytes / 1e9).toFixed(1)} GB`);
  ui.print(`      Serial: ${device.serial ?? '<unknown>'}`);
  ui.print(`       Model: ${device.model ?? '<unknown>'}`);
  ui.print(`  Partitions: ${decision.isDiscoverable ? 'Discoverable' : 'UUID'}`);
  ui.print(`  Bootloader: ${decision.bootloader}`);
}
