import { CodedError } from '@workbench/run';
import type { ImageKernel } from '../images/kernel.ts';

/**
 * The initramfs that the installer boots with: none where the kernel mounts a virtiofs root file system by itself.
 *
 * @throws CodedError KERNEL_WITHOUT_VIRTIOFS for other kernels
 */
export function writeInstallerInitramfs(kernel: ImageKernel, reference: string, _folder: string): undefined {
  if (kernel.hasBuiltinVirtiofs) return undefined;
  throw new CodedError(
    'KERNEL_WITHOUT_VIRTIOFS',
    `the kernel ${kernel.version} of ${reference} has no built-in virtiofs`,
    {
      hint: 'use the real bcvk for this image',
    },
  );
}
