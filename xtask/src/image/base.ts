import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '@workbench/run';
import type { Cell } from '../matrix/cell.ts';
import { formatOwner, isAlive, ownerOf, parseOwner } from '../runs/owner.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { note, progress } from '../steps/step.ts';
import { inspectImage, podman } from './podman.ts';

/** An image that is made here from Debian's packages. */
export interface DebianImage {
  readonly name: string;
  /** Lists of packages, in this repository. */
  readonly packagesFiles: readonly string[];
  /** Shell commands of mmdebstrap(1) for the root file system `$1`. */
  readonly hooks: readonly string[];
}

/** The base of the images under test. */
export const debianBase: DebianImage = {
  name: 'localhost/bootc-base',
  packagesFiles: ['images/debian/packages'],
  hooks: [
    // The hook that would have run depmod is the one that makes the initramfs.
    'for modules in "$1"/usr/lib/modules/*; do chroot "$1" depmod "$(basename "$modules")"; done',
    // Taken from the machine that builds; each system gets its own.
    'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
  ],
};

/** The base of images that boot by GRUB. */
export const grubBase: DebianImage = {
  ...debianBase,
  name: 'localhost/bootc-base-grub',
  packagesFiles: [...debianBase.packagesFiles, 'images/debian/grub-packages'],
};

/** The base of the image of a cell, unless another one was asked for. */
export function debianBaseOf(cell: Cell): DebianImage {
  return cell.bootloader === 'grub' ? grubBase : debianBase;
}

/** The tools that images are sealed with. */
export const sealingTools: DebianImage = {
  name: 'localhost/bootc-sealing-tools',
  packagesFiles: ['images/debian/sealing-packages'],
  hooks: [],
};

const isRoot = process.getuid?.() === 0;

/** Makes a command and all that it starts end at once: mmdebstrap itself waits for what it has started. See unshare(1). */
const asOne = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'];

const suite = 'trixie';
/** The label of our bases, and of all that is built on them. */
export const inputsLabel = 'workbench.base-inputs';

/** What a base is made with. */
export interface BaseOptions {
  /** Make the base again, with the packages of today, also when its inputs are those of the one that is there. */
  fresh?: boolean;
  logFile: string;
  signal: AbortSignal;
}

/**
 * Makes sure of a Debian image: a root file system that mmdebstrap installs from the packages of its list, imported as an
 * image of one layer. It is made again only when its inputs changed.
 *
 * @throws CommandError when mmdebstrap or podman fails; no image of that name appears then.
 */
export async function ensureDebianImage(image: DebianImage, options: BaseOptions): Promise<void> {
  const { name } = image;
  const packages = await readPackages(image);
  const inputs = createHash('sha256')
    .update(JSON.stringify(mmdebstrapCommand(image, packages, '')))
    .digest('hex');
  const there = await inspectImage(name, options.signal);
  if (there?.labels[inputsLabel] === inputs && options.fresh !== true) {
    note(`${name} is there, made of the same packages`);
    return;
  }
  const folder = join(workspaceRoot, 'target/image');
  await mkdir(folder, { recursive: true });
  await removeLeftovers(folder, basename(name));
  const work = join(folder, `${basename(name)}-${formatOwner(ownerOf())}`);
  await mkdir(work);
  const archive = join(work, 'root.tar');
  try {
    await run([...(isRoot ? asOne : []), ...mmdebstrapCommand(image, packages, archive)] as [string, ...string[]], {
      step: `install ${packages.length} packages and what they need`,
      timeoutMs: 1_800_000,
      logFile: options.logFile,
      signal: options.signal,
      endsWithUs: 'SIGKILL',
      onLine: progress,
      // Debian's kernel hooks make no initramfs then: the image build makes the one that counts.
      env: { INITRD: 'No', ...(isRoot ? { TMPDIR: work } : {}) },
    });
    await podman(['import', '--quiet', `--change=LABEL ${inputsLabel}=${inputs}`, archive, name], {
      step: `import ${name}`,
      logFile: options.logFile,
      signal: options.signal,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

// Of builds that were killed. What was mounted below was so for their processes alone.
async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    const owner = entry.startsWith(`${prefix}-`) ? parseOwner(entry.slice(prefix.length + 1)) : undefined;
    if (owner !== undefined && !isAlive(owner)) await rm(join(folder, entry), { recursive: true });
  }
}

/** The packages that a Debian image is made from, without those they need. */
export async function readPackages(image: DebianImage): Promise<string[]> {
  const files = image.packagesFiles.map((file) => readFile(join(workspaceRoot, file), 'utf8'));
  return (await Promise.all(files))
    .join('\n')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

/** The argument vector that makes the root file system of an image and writes it to `archive` (tar). */
export function mmdebstrapCommand(
  image: DebianImage,
  packages: readonly string[],
  archive: string,
): [string, ...string[]] {
  // Documentation in other languages is a third of a minimal system, and nobody reads it in a test VM.
  const left = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];
  return [
    'mmdebstrap',
    '--variant=minbase',
    '--format=tar',
    '--aptopt=Acquire::Languages "none"',
    ...left.map((path) => `--dpkgopt=path-exclude=${path}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    ...image.hooks.map((hook) => `--customize-hook=${hook}`),
    `--include=${packages.join(',')}`,
    suite,
    archive,
  ];
}
