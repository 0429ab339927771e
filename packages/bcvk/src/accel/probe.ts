import { accessSync, constants, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { CodedError, CommandError, run } from '@workbench/run';
import { z } from 'zod';
import { hashFile } from '../images/kernel.ts';
import { type AccelChoice, accelArgument } from './accel.ts';

/**
 * What a stock kernel without a root file system ends with: everything before it (boot protocol, paging, timers,
 * interrupts, scheduler) has worked then. Where virtualisation is only half there, kernels die or hang long before.
 */
const bootedToken = 'Unable to mount root fs';
const probeDeadlineMs = 20_000;
const storeName = 'accel.json';

/** What the answer of a probe depends on. */
export interface ProbeInputs {
  hostKernel: string;
  qemuVersion: string;
  guestKernelSha256: string;
}

const storedProbes = z.record(z.string(), z.object({ accel: z.enum(['kvm', 'tcg']), reason: z.string() }));

/** How {@link chooseAccel} looks. */
export interface AccelOptions {
  /** SHA-256 of the guest kernel, if it is known already. */
  kernelSha256?: string;
  /** The guest kernel; needed only where the answer is not known yet. */
  kernelFile?: string;
  /** Folder that keeps answers. */
  cacheFolder: string;
  /** Value of BCVK_ACCEL: `kvm`, `tcg`, or `auto`. */
  override: string | undefined;
  logFile: string;
}

/**
 * Decides between KVM and TCG by booting the guest's own kernel under KVM without a root file system, on the serial
 * console, within a deadline. `/dev/kvm` that can be opened proves little: on nested hosts it may exist and hang stock
 * kernels. The answer is kept by host kernel, QEMU version and guest kernel.
 *
 * @throws CodedError BAD_ACCEL for another override.
 */
export async function chooseAccel(options: AccelOptions): Promise<AccelChoice> {
  const { override } = options;
  if (override === 'kvm' || override === 'tcg') return { accel: override, reason: 'BCVK_ACCEL says so' };
  if (override !== undefined && override !== '' && override !== 'auto') {
    throw new CodedError('BAD_ACCEL', `BCVK_ACCEL is '${override}'`, { hint: 'set it to auto, kvm or tcg' });
  }
  const missing = await whyNoKvmDevice();
  if (missing !== undefined) return { accel: 'tcg', reason: missing };
  const inputs: ProbeInputs = {
    hostKernel: release(),
    qemuVersion: await readQemuVersion(),
    guestKernelSha256: options.kernelSha256 ?? (await hashFile(requireKernel(options.kernelFile))),
  };
  const store = join(options.cacheFolder, storeName);
  const known = readStored(store);
  const key = probeKey(inputs);
  const stored = known[key];
  if (stored !== undefined) return { ...stored, reason: `${stored.reason} (known from before)` };
  const choice = await bootUnderKvm(requireKernel(options.kernelFile), options.logFile);
  mkdirSync(options.cacheFolder, { recursive: true });
  const temporary = `${store}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify({ ...readStored(store), [key]: choice }, undefined, 2)}\n`);
  renameSync(temporary, store);
  return choice;
}

/**
 * How guests run on this machine, as far as one can say without an image: its own kernel is tried where there is one, else
 * the last answer for the kernel of an image counts. Undefined where there is none yet, and without QEMU.
 *
 * @throws CodedError BAD_ACCEL.
 */
export async function accelOfHost(
  options: Pick<AccelOptions, 'cacheFolder' | 'override' | 'logFile'>,
  kernelFiles: readonly string[] = [`/boot/vmlinuz-${release()}`, `/usr/lib/modules/${release()}/vmlinuz`],
): Promise<AccelChoice | undefined> {
  const kernelFile = kernelFiles.find(isReadable);
  try {
    return await chooseAccel(kernelFile === undefined ? options : { ...options, kernelFile });
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'not-found') return undefined;
    if (!(error instanceof CodedError) || error.code !== 'ACCEL_UNKNOWN') throw error;
    const host = { hostKernel: release(), qemuVersion: await readQemuVersion() };
    return lastAnswer(readStored(join(options.cacheFolder, storeName)), host);
  }
}

/** The newest of the answers that are kept for a host, whatever the guest kernel. Pure. */
export function lastAnswer(
  stored: Readonly<Record<string, AccelChoice>>,
  host: Pick<ProbeInputs, 'hostKernel' | 'qemuVersion'>,
): AccelChoice | undefined {
  const start = probeKey({ ...host, guestKernelSha256: '' });
  return Object.entries(stored).findLast(([key]) => key.startsWith(start))?.[1];
}

/** The name under which an answer is kept. */
export function probeKey(inputs: ProbeInputs): string {
  return `host ${inputs.hostKernel}, qemu ${inputs.qemuVersion}, guest kernel sha256:${inputs.guestKernelSha256}`;
}

/** Arguments of the QEMU that only boots a kernel, under KVM, until it has no root file system. */
export function probeArguments(kernelFile: string): [string, ...string[]] {
  const machine = ['-machine', 'q35', '-accel', accelArgument('kvm'), '-cpu', 'host', '-m', '512'];
  const quiet = ['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-serial', 'stdio'];
  const kernel = ['-kernel', kernelFile, '-append', 'console=ttyS0 earlyprintk=serial,ttyS0 panic=-1'];
  return ['setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64', ...machine, ...quiet, ...kernel];
}

async function bootUnderKvm(kernelFile: string, logFile: string): Promise<AccelChoice> {
  try {
    const { stdout } = await run(probeArguments(kernelFile), {
      step: 'boot a kernel under KVM',
      timeoutMs: probeDeadlineMs,
      logFile,
    });
    if (stdout.includes(bootedToken)) return { accel: 'kvm', reason: 'the kernel of the image boots under KVM' };
    return { accel: 'tcg', reason: 'under KVM the kernel of the image ends early' };
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure === 'not-found') throw error;
    const how = error.failure === 'timed-out' ? 'hangs' : 'dies';
    return { accel: 'tcg', reason: `under KVM the kernel of the image ${how}` };
  }
}

async function whyNoKvmDevice(): Promise<string | undefined> {
  const { open } = await import('node:fs/promises');
  try {
    await (await open('/dev/kvm', 'r+')).close();
    return undefined;
  } catch (error) {
    return `/dev/kvm cannot be opened (${(error as NodeJS.ErrnoException).code})`;
  }
}

async function readQemuVersion(): Promise<string> {
  const { stdout } = await run(['qemu-system-x86_64', '--version'], { step: 'ask QEMU for its version' });
  return /version (\S+)/.exec(stdout)?.[1] ?? stdout.trim();
}

function requireKernel(kernelFile: string | undefined): string {
  if (kernelFile !== undefined) return kernelFile;
  throw new CodedError('ACCEL_UNKNOWN', 'it is not known whether KVM boots guests here', {
    hint: 'set BCVK_ACCEL to kvm or tcg',
  });
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

function readStored(path: string): z.infer<typeof storedProbes> {
  try {
    return storedProbes.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    // No file yet, or one that another version wrote: the probe is repeated, and the file replaced.
    return {};
  }
}
