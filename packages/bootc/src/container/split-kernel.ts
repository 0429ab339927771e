import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { kernelFileNames, modulesDirectory } from '../install/find-kernel.ts';
import { pathExists } from '../storage/optional-file.ts';
import { readInspection } from './inspect.ts';

/**
 * Moves kernel and initramfs of an image out of its root, to `OUTPUT/VERSION/`, from where they go into a unified kernel
 * image. Between file systems they are copied. @returns the folder.
 *
 * @throws CodedError `KERNEL_NOT_SPLITTABLE` when the image has a unified kernel, no kernel, or no initramfs.
 */
export async function splitKernel(root: string, output: string): Promise<string> {
  const { kernel } = await readInspection(root);
  if (kernel === null) throw refusal('No kernel found in rootfs', 'the image has none, or it was split already');
  if (kernel.unified) throw refusal('UKIs are not supported', 'unpack it first: bootc internals uki extract');
  const source = join(root, modulesDirectory, kernel.version);
  const files = [kernelFileNames.kernel, kernelFileNames.initramfs].map((name) => join(source, name));
  for (const file of files) {
    if (await pathExists(file)) continue;
    throw refusal(`${file} is missing`, `make it first: dracut --no-hostonly --kver ${kernel.version}`);
  }
  const target = join(output, kernel.version);
  await mkdir(target, { recursive: true });
  await run(['mv', '--', ...files, target], { step: `move the kernel to ${target}` });
  return target;
}

function refusal(message: string, hint: string): CodedError {
  return new CodedError('KERNEL_NOT_SPLITTABLE', message, { hint });
}
