import { createHash } from 'node:crypto';
import { access, constants } from 'node:fs/promises';
import { basename, delimiter, join, resolve } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { kernelFileNames, modulesDirectory } from '../install/find-kernel.ts';
import { pathExists } from '../storage/optional-file.ts';
import { windowOfFile } from '../uki/byte-window.ts';
import { unifiedKernelsDirectory } from '../uki/image-unified-kernel.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';
import { computeRootDigest } from './composefs-digest.ts';
import { readInspection } from './inspect.ts';
import { describeCommandLine, type SealedCommandLine, sealedCommandLine } from './sealed-command-line.ts';

/** What a unified kernel image is built from. */
export interface UkifyOptions {
  root: string;
  /** Folder with vmlinuz and initramfs.img, named like the kernel's version; else they are those of the image. */
  kernelDirectory?: string;
  isMissingVerityAllowed: boolean;
  dumpfile?: string;
  kargs: readonly string[];
  /** Arguments that ukify(1) gets as they are. */
  ukifyArguments: readonly string[];
  /** Tells a person, a line with its newline. */
  tell(text: string): void;
}

/** Kernel and initramfs, and their version. */
interface KernelFiles {
  version: string;
  kernel: string;
  initramfs: string;
}

/**
 * Builds a unified kernel image for the image at a root: works out the command line with the digest of the root, shows
 * it, has ukify(1) build and sign, and then makes sure that the result holds this command line, kernel and initramfs.
 * Nothing has to be mounted, and fs-verity is not needed.
 *
 * @throws CodedError `UKIFY_NOT_FOUND`, `UKIFY_NO_KERNEL`, `UKIFY_HAS_UKI`, `ROOT_IS_ACTIVE`, `KARGS_FILE_INVALID`, `UKI_DIFFERS`;
 * CommandError when ukify fails.
 */
export async function buildUnifiedKernel(options: UkifyOptions): Promise<void> {
  await requireUkify();
  const root = resolve(options.root);
  const files = await findKernelFiles(root, options.kernelDirectory);
  if (options.kargs.length > 0) {
    options.tell('warning: --karg is temporary; put kernel arguments into usr/lib/bootc/kargs.d of the image\n');
  }
  const digest = await computeRootDigest(root, options.dumpfile);
  const { isMissingVerityAllowed, kargs: more } = options;
  const commandLine = await sealedCommandLine(root, { digest, isMissingVerityAllowed, more });
  options.tell(describeCommandLine(commandLine));
  if (!commandLine.arguments.some(({ text }) => text === 'rw' || text === 'ro')) {
    options.tell(
      'warning: neither rw nor ro is on it; systemd takes that for ro, and cannot remount the sealed root\n',
    );
  }
  const parts = ['--linux', files.kernel, '--initrd', files.initramfs, '--uname', files.version];
  const texts = ['--cmdline', commandLine.text, '--os-release', '@usr/lib/os-release'];
  await run(['ukify', 'build', ...parts, ...texts, ...options.ukifyArguments], {
    step: 'build the unified kernel image',
    cwd: root,
    stdio: 'inherit',
  });
  const output = await findOutput(root, files, options.ukifyArguments);
  if (output === undefined) {
    options.tell('warning: where ukify put its result is unknown, so it was not verified; give it --output\n');
    return;
  }
  await verifyResult(output, files, commandLine);
  options.tell(`Verified: ${output} holds this command line, kernel and initramfs\n`);
}

async function requireUkify(): Promise<void> {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    const isThere = await access(join(directory, 'ukify'), constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return;
  }
  throw new CodedError('UKIFY_NOT_FOUND', 'ukify executable not found in PATH', {
    hint: 'install systemd-ukify where the image is sealed; the image itself does not need it',
  });
}

async function findKernelFiles(root: string, kernelDirectory: string | undefined): Promise<KernelFiles> {
  const { kernel } = await readInspection(root);
  if (kernel?.unified === true) {
    const path = `${unifiedKernelsDirectory}/${kernel.version}.efi`;
    throw new CodedError('UKIFY_HAS_UKI', `Cannot build UKI: rootfs already contains a UKI at ${path}`, {
      hint: 'unpack it (bootc internals uki extract), remove it from the image, and seal that',
    });
  }
  if (kernelDirectory === undefined && kernel === null) {
    throw new CodedError('UKIFY_NO_KERNEL', `No kernel found in ${root}`, {
      hint: 'install one, or set --kernel-dir to where it was put aside',
    });
  }
  const directory = resolve(kernelDirectory ?? join(root, modulesDirectory, kernel?.version ?? ''));
  const files = {
    version: basename(directory),
    kernel: join(directory, kernelFileNames.kernel),
    initramfs: join(directory, kernelFileNames.initramfs),
  };
  for (const [what, path] of [
    ['Kernel', files.kernel],
    ['Initramfs', files.initramfs],
  ] as const) {
    if (await pathExists(path)) continue;
    throw new CodedError('UKIFY_NO_KERNEL', `${what} not found at ${path}`, {
      hint: `bootc container split-kernel-and-rootfs puts both aside as --kernel-dir wants them`,
    });
  }
  return files;
}

// ukify(1) writes beside its working directory's kernel name unless it is told where.
async function findOutput(
  root: string,
  files: KernelFiles,
  ukifyArguments: readonly string[],
): Promise<string | undefined> {
  for (const [index, argument] of ukifyArguments.entries()) {
    const value = argument === '--output' || argument === '-o' ? ukifyArguments[index + 1] : undefined;
    const joined = /^(?:--output=|-o)(.+)$/s.exec(argument)?.[1];
    const path = value ?? joined;
    if (path !== undefined) return resolve(root, path);
  }
  for (const ending of ['signed', 'unsigned']) {
    const path = join(root, `${basename(files.kernel)}.${ending}.efi`);
    if (await pathExists(path)) return path;
  }
  return undefined;
}

async function verifyResult(path: string, files: KernelFiles, commandLine: SealedCommandLine): Promise<void> {
  using result = windowOfFile(path);
  using kernel = windowOfFile(files.kernel);
  using initramfs = windowOfFile(files.initramfs);
  const unified = readUnifiedKernel(result, path);
  const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
  const same = (left: Uint8Array, right: Uint8Array): boolean => hashOf(left) === hashOf(right);
  const differences = [
    ...(unified.commandLine === commandLine.text
      ? []
      : [`its command line is ${JSON.stringify(unified.commandLine)}, not ${JSON.stringify(commandLine.text)}`]),
    ...(same(unified.readKernel(), kernel.read(0, kernel.sizeBytes)) ? [] : ['its kernel is another']),
    // Further initrds may come from arguments of ukify; ours comes first.
    ...(same(unified.readInitrd().subarray(0, initramfs.sizeBytes), initramfs.read(0, initramfs.sizeBytes))
      ? []
      : ['its initramfs is another']),
  ];
  if (differences.length === 0) return;
  throw new CodedError('UKI_DIFFERS', `${path} is not what was to be sealed: ${differences.join('; ')}`, {
    hint: 'leave --cmdline, --linux and --initrd out of the arguments of ukify, and do not use this file',
  });
}
