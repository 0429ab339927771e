import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { Accel } from '../accel/accel.ts';
import { chooseAccel } from '../accel/probe.ts';
import type { BaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';
import { findKernel } from '../images/kernel.ts';
import { type ImageFacts, mountImage, unmountImage } from '../images/podman.ts';

/** Where the answer of the probe is kept, what overrides it, and where it is logged. */
export function accelOptions({ env, folders }: Pick<Context, 'env' | 'folders'>) {
  return {
    cacheFolder: folders.cache,
    override: env.BCVK_ACCEL || undefined,
    logFile: join(folders.cache, 'logs', 'accel-probe.log'),
  };
}

/** The acceleration: known from the base disk's kernel, else the image is mounted to try its kernel. */
export async function vmAcceleration(image: ImageFacts, baseDisk: BaseDisk, context: Context): Promise<Accel> {
  const common = { ...accelOptions(context), kernelSha256: baseDisk.record.kernelSha256 };
  try {
    return (await chooseAccel(common)).accel;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'ACCEL_UNKNOWN') throw error;
  }
  const root = await mountImage(image.id);
  const folder = mkdtempSync(join(tmpdir(), 'bcvk-kernel-'));
  try {
    const { kernelFile } = await findKernel(root, image.reference, folder);
    return (await chooseAccel({ ...common, kernelFile })).accel;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await unmountImage(image.id);
  }
}
