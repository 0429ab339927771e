import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { kernelFileNames, modulesDirectory } from '../install/find-kernel.ts';
import { pathExists } from '../storage/optional-file.ts';
import { readInspection } from './inspect.ts';

/** How an image is exported. */
export interface ExportOptions {
  root: string;
  /** A file; absent: standard output. */
  output?: string;
  /** Adds kernel and initramfs as `/boot/vmlinuz-VERSION` and `/boot/initramfs-VERSION.img`, where other installers look. */
  withKernelInBoot: boolean;
  isSelinuxDisabled: boolean;
}

/**
 * Writes the root of an image as a tar archive, names in order, with numeric owners and file capabilities.
 *
 * @throws CodedError `EXPORT_LABELS` for an image with a SELinux policy, whose labels an archive of its plain files lacks;
 * `EXPORT_NO_KERNEL`; CommandError when tar fails.
 */
export async function exportImage(options: ExportOptions): Promise<void> {
  const { root } = options;
  if (!options.isSelinuxDisabled && (await pathExists(join(root, 'etc/selinux/config')))) {
    throw new CodedError('EXPORT_LABELS', 'the image has a SELinux policy, and labels cannot be exported', {
      hint: 'set --disable-selinux, and relabel the system after it was unpacked',
    });
  }
  const parts = ['.', ...(options.withKernelInBoot ? await kernelInBoot(root) : [])];
  const output = options.output === undefined ? undefined : openSync(options.output, 'w');
  try {
    await run(
      [
        'tar',
        '--create',
        '--format=pax',
        '--pax-option=delete=atime,delete=ctime',
        '--numeric-owner',
        '--sort=name',
        '--xattrs',
        '--xattrs-include=security.capability',
        output === undefined ? '--file=-' : '--file=/proc/self/fd/3',
        `--directory=${root}`,
        ...parts,
      ],
      {
        step: `export ${root}`,
        timeoutMs: 3_600_000,
        stdio: 'inherit-output',
        ...(output === undefined ? {} : { fds: [output] }),
      },
    );
  } finally {
    if (output !== undefined) closeSync(output);
  }
}

// The same files once more, under other names: `--transform` acts on what the archive is given after it is read, so the
// copies are told apart by a path that means the same file.
async function kernelInBoot(root: string): Promise<string[]> {
  const { kernel } = await readInspection(root);
  if (kernel === null || kernel.unified) {
    throw new CodedError('EXPORT_NO_KERNEL', `No kernel found in ${root}`, { hint: 'leave out --kernel-in-boot' });
  }
  const directory = `./${modulesDirectory}/./${kernel.version}`;
  const names = [
    [kernelFileNames.kernel, `vmlinuz-${kernel.version}`],
    [kernelFileNames.initramfs, `initramfs-${kernel.version}.img`],
  ] as const;
  return names.flatMap(([from, to]) => [
    `--transform=s,^${directory}/${from}$,./boot/${to},`.replaceAll('/./', '/[.]/'),
    `${directory}/${from}`,
  ]);
}
