import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { CodedError } from '@workbench/run';
import { windowOfFile } from './byte-window.ts';
import { readUnifiedKernel } from './unified-kernel.ts';

/**
 * Unpacks a unified kernel image to `OUTPUT/UNAME/vmlinuz` and `OUTPUT/UNAME/initramfs.img`, where `bootc container ukify`
 * takes them from. @returns the folder, which must not be there yet.
 *
 * @throws CodedError `UKI_INVALID`, `PE_INVALID`, `EXTRACT_TARGET_EXISTS`.
 */
export async function extractUnifiedKernel(path: string, output: string): Promise<string> {
  using file = windowOfFile(path);
  const kernel = readUnifiedKernel(file, path);
  const { uname } = kernel;
  if (uname === undefined || basename(uname) !== uname || uname.startsWith('.')) {
    throw new CodedError('UKI_INVALID', `${path} does not tell the version of its kernel (section .uname)`, {
      hint: 'build it with bootc container ukify',
    });
  }
  const target = join(output, uname);
  await mkdir(output, { recursive: true });
  await mkdir(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
    throw new CodedError('EXTRACT_TARGET_EXISTS', `${target} is there already`, { hint: 'remove it first' });
  });
  await writeFile(join(target, 'vmlinuz'), kernel.readKernel());
  await writeFile(join(target, 'initramfs.img'), kernel.readInitrd());
  return target;
}
