import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { type AccelChoice, emulatedCpu } from '../accel/accel.ts';
import { chooseAccel } from '../accel/probe.ts';
import type { Context } from '../context/context.ts';
import { findKernel, hashFile, type ImageKernel } from '../images/kernel.ts';
import { findContainerStorage, type ImageFacts, mountImage } from '../images/podman.ts';
import { readProcessorLevel } from '../images/processor-level.ts';
import { showBytes } from '../sizes/sizes.ts';
import type { GuestProgress } from './guest-lines.ts';
import { guest } from './guest-units.ts';
import { installLogFolder, pruneInstallLogs } from './install-logs.ts';
import { type InstallOptions, installCommand } from './install-options.ts';
import { writeInstallerInitramfs } from './installer-initramfs.ts';
import { runInstaller } from './run-installer.ts';
import { findVirtiofsd, startVirtiofsd } from './virtiofsd.ts';
import { createWorkFolder, sweepWorkFolders } from './work-folder.ts';

/** One installation of an image onto a new disk file. */
export interface InstallRequest {
  image: ImageFacts;
  options: InstallOptions;
  /** The disk file that is made. It should have a temporary name: it is removed if the installation fails. */
  diskFile: string;
  format: 'raw' | 'qcow2';
  diskBytes: number;
  memoryMiB: number;
  cpus: number | undefined;
  /** podman's storage; found by asking podman if undefined. */
  storagePath: string | undefined;
  virtiofsd: string | undefined;
  /** Extra variables of the installation, for example RUST_LOG. */
  installEnvironment: Readonly<Record<string, string>>;
  showOutput: boolean;
  /** Where console.txt and output.txt stay; a folder of the cache that is removed on success, and of which the last few stay, if undefined. */
  logFolder: string | undefined;
}

/** What an installation found out. */
export interface InstallResult {
  accel: AccelChoice;
  kernelSha256: string;
  /** The x86-64 level that the image needs; null if it does not say. */
  processorLevel: number | null;
}

/**
 * Installs an image by booting it: its own kernel, its file system over virtiofs, into a target that only runs `bootc
 * install to-disk` and powers off. After this resolves, the disk file is whole and on stable storage. If it throws, the
 * file is gone; if the process is killed, the next installation removes what is left.
 *
 * @throws CodedError DISK_TOO_SMALL before anything is done; IMAGE_WITHOUT_KERNEL; INSTALL_FAILED.
 */
export async function installToDisk(request: InstallRequest, context: Context): Promise<InstallResult> {
  const { phases, folders } = context;
  checkDiskSize(request);
  const parent = join(folders.runtime, 'installs');
  for (const name of await sweepWorkFolders(parent)) phases.note(`removed what the killed installation ${name} left`);
  const nonce = randomBytes(8).toString('hex');
  const logFolder = request.logFolder ?? installLogFolder(folders.cache, nonce);
  mkdirSync(logFolder, { recursive: true });
  const virtiofsd = findVirtiofsd(request.virtiofsd, context.env);
  await using work = createWorkFolder(parent, nonce);
  pruneInstallLogs(folders.cache, readdirSync(parent));

  const image = await phases.run('mount-image', 'Mount image', async () => {
    work.willMountImage(request.image.id);
    const root = await mountImage(request.image.id);
    const kernel = await findKernel(root, request.image.reference, work.path);
    return { root, kernel, kernelSha256: await hashFile(kernel.kernelFile), level: readProcessorLevel(root) };
  });
  const accel = await decideAccel(image.kernel, image.kernelSha256, logFolder, context);

  await phases.run('install', `Install ${request.image.reference}`, async (phase) => {
    phase.fact('accel', accel.accel);
    work.willMakeFile(request.diskFile);
    const storage = request.storagePath ?? (await findContainerStorage());
    const command = installCommand(request.image.reference, request.options, guest.disk);
    const steps = followSteps(phases.note, phase.update);
    const initramfsFile = writeInstallerInitramfs(image.kernel, request.image.reference, work.path);
    const installWith = async (cpus: number): Promise<void> => {
      await createDisk(request.diskFile, request.format, request.diskBytes);
      const socket = (name: string) => join(work.path, `${name}-${cpus}.sock`);
      await using rootShare = await startVirtiofsd(virtiofsd, {
        folder: image.root,
        socket: socket('root'),
        logFile: join(logFolder, 'virtiofsd-root.log'),
      });
      await using storageShare = await startVirtiofsd(virtiofsd, {
        folder: storage,
        socket: socket('storage'),
        logFile: join(logFolder, 'virtiofsd-storage.log'),
      });
      await runInstaller({
        machine: {
          accel: accel.accel,
          emulatedCpu: emulatedCpu(image.level),
          memoryMiB: request.memoryMiB,
          cpus,
          kernelFile: image.kernel.kernelFile,
          initramfsFile,
          rootSocket: socket('root'),
          storageSocket: socket('storage'),
          disk: { file: request.diskFile, format: request.format },
          outputSocket: socket('output'),
          progressSocket: socket('progress'),
          command: [
            ...Object.entries(request.installEnvironment).map(([name, value]) => `${name}=${value}`),
            ...command,
          ],
          nonce,
        },
        logFolder,
        helpersDied: [rootShare.died, storageShare.died],
        onProgress: steps,
        onOutput: (line) => (request.showOutput ? phase.note(line) : undefined),
        signal: context.signal,
      });
    };
    const cpus = request.cpus ?? availableParallelism();
    try {
      await installWith(cpus);
    } catch (error) {
      // The emulation of several processors may have failed the kernel (see guestProcessors); a panic of its own comes again.
      const isOfEmulation =
        accel.accel === 'tcg' && cpus > 1 && error instanceof CodedError && error.code === 'GUEST_PANIC';
      if (!isOfEmulation) throw error;
      phases.note(`${error.message.split('\n')[0]}; once more with one processor`);
      await installWith(1);
    }
    syncFile(request.diskFile);
  });
  work.keepFile(request.diskFile);
  if (request.logFolder === undefined) rmSync(logFolder, { recursive: true, force: true });
  return { accel, kernelSha256: image.kernelSha256, processorLevel: image.level ?? null };
}

/** The system partition with the kernel, and what a file system needs for itself. */
const besideImageBytes = 2 ** 29;

/** Refuses a disk that cannot hold the image, which the installation would find out only after minutes. */
function checkDiskSize({ diskBytes, image }: InstallRequest): void {
  const needed = image.sizeBytes + besideImageBytes;
  if (diskBytes >= needed) return;
  const sizes = `${showBytes(diskBytes)}, and about ${showBytes(needed)} are needed`;
  throw new CodedError('DISK_TOO_SMALL', `the disk is too small for ${image.reference}: it has ${sizes}`, {
    hint: 'give it more: --disk-size=SIZE, or disk_size in the VM profile',
  });
}

async function decideAccel(
  kernel: ImageKernel,
  kernelSha256: string,
  logFolder: string,
  context: Context,
): Promise<AccelChoice> {
  return context.phases.run('accel-probe', 'Choose acceleration', async (phase) => {
    const choice = await chooseAccel({
      kernelSha256,
      kernelFile: kernel.kernelFile,
      cacheFolder: context.folders.cache,
      override: context.env.BCVK_ACCEL || undefined,
      logFile: join(logFolder, 'accel-probe.log'),
    });
    phase.fact('accel', choice.accel);
    phase.note(`Guests run under ${choice.accel}: ${choice.reason}`);
    return choice;
  });
}

/** Shows the guest's progress: the running step with its bytes, and a line for each step with the percentage it began at. */
function followSteps(note: (line: string) => void, update: (detail: string) => void) {
  let step = '';
  return (progress: GuestProgress) => {
    const { bytesDone = 0, bytesTotal = 0 } = progress;
    const bytes = bytesTotal === 0 ? '' : ` (${showBytes(bytesDone)} of ${showBytes(bytesTotal)})`;
    if (progress.step !== step) note(`  ${Math.floor(progress.percent)} % ${progress.step}`);
    step = progress.step;
    update(`${Math.floor(progress.percent)} % ${progress.step}${bytes}`);
  };
}

/** Makes an empty disk file: sparse, or a qcow2 that grows. */
export async function createDisk(file: string, format: 'raw' | 'qcow2', sizeBytes: number): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  await run(['qemu-img', 'create', '-q', '-f', format, file, String(sizeBytes)], { step: 'create the disk' });
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r+');
  fsyncSync(fd);
  closeSync(fd);
}
