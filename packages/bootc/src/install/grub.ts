import { join } from 'node:path';
import { makeDirectory, replaceFile } from '@workbench/composefs';
import { CodedError, run } from '@workbench/run';
import { formatGrubStart } from '../boot/bls-menu.ts';
import { osReleasePaths, parseOsRelease } from '../boot/os-release.ts';
import type { BootLocation } from '../storage/boot-entries.ts';
import { readOptionalBytes, readOptionalText } from '../storage/optional-file.ts';
import { uuidOfDevice } from './target-root.ts';

/** By architecture: grub as distributions sign it, with all it needs built in, and its names on the ESP. */
const programs = {
  x64: { source: 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed', name: 'grubx64.efi', fallback: 'BOOTX64.EFI' },
  arm64: {
    source: 'usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed',
    name: 'grubaa64.efi',
    fallback: 'BOOTAA64.EFI',
  },
} as const;

/** Where an image keeps the grub that is installed on this machine, relative to its root. */
export const grubProgram = programs[process.arch as keyof typeof programs]?.source ?? 'usr/lib/grub';

/** What is to be said of an image without it. */
export const withoutGrub = {
  message: `the image has no grub for this machine (/${grubProgram})`,
  hint: 'install grub-efi-amd64-signed when the image is built, or set --bootloader systemd',
} as const;

/**
 * Installs grub from a mounted image onto a mounted ESP: the program that the distribution has built, in its folder and as what
 * firmware starts by default, and the script that it begins with. Firmware variables are left alone.
 *
 * @throws CodedError `IMAGE_WITHOUT_GRUB`.
 */
export async function installGrub(options: {
  imageRoot: string;
  boot: BootLocation;
  signal?: AbortSignal;
}): Promise<void> {
  const { imageRoot, boot, signal } = options;
  const { espDirectory, bootIsMount = false } = boot;
  const program = programs[process.arch as keyof typeof programs];
  const bytes = program === undefined ? undefined : await readOptionalBytes(join(imageRoot, program.source));
  if (program === undefined || bytes === undefined) {
    throw new CodedError('IMAGE_WITHOUT_GRUB', withoutGrub.message, { hint: withoutGrub.hint });
  }
  const argv = ['findmnt', '--noheadings', '--nofsroot', '--output', 'SOURCE', '--target', boot.bootDirectory] as const;
  const { stdout } = await run(argv, {
    step: 'find the file system of /boot',
    ...(signal === undefined ? {} : { signal }),
  });
  const start = formatGrubStart({ filesystemUuid: await uuidOfDevice(stdout.trim()), bootIsMount });
  const vendor = `EFI/${builtInFolder(bytes) ?? (await readVendor(imageRoot))}`;
  for (const path of ['EFI', 'EFI/BOOT', vendor]) makeDirectory(join(espDirectory, path), 0o755);
  await replaceFile(join(espDirectory, vendor), 'grub.cfg', start);
  await replaceFile(join(espDirectory, vendor), program.name, bytes);
  await replaceFile(join(espDirectory, 'EFI/BOOT'), program.fallback, bytes);
}

/**
 * The folder below `EFI` that a grub looks for its script in, its `$prefix`: an object of the module data that grub-mkimage puts into
 * it (include/grub/kernel.h, OBJ_TYPE_PREFIX). Undefined for one without, or with another kind of prefix.
 */
export function builtInFolder(program: Buffer): string | undefined {
  return /\x03\0\0\0[\s\S]\0\0\0\/EFI\/([\w.-]+)\0/.exec(program.toString('latin1'))?.[1];
}

// Distributions name it for themselves; an image made from theirs may have a name of its own.
async function readVendor(imageRoot: string): Promise<string> {
  for (const path of osReleasePaths) {
    const id = parseOsRelease((await readOptionalText(join(imageRoot, path))) ?? '').get('ID');
    if (id !== undefined && /^[a-z0-9._-]+$/.test(id)) return id;
  }
  return 'debian';
}
