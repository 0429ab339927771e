import { createHash } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { workspaceRoot } from '../settings/workspace.ts';
import { note } from '../steps/step.ts';
import { inspectImage, podman } from './podman.ts';

/** The name of the base image that is made here from Debian's packages. */
export const debianBase = 'localhost/bootc-base';

const suite = 'trixie';
const inputsLabel = 'workbench.base-inputs';

/** What a base is made with. */
export interface BaseOptions {
  /** Make the base again, with the packages of today, also when its inputs are those of the one that is there. */
  fresh?: boolean;
  logFile: string;
  signal: AbortSignal;
}

/**
 * Makes sure of the Debian base image: a root file system that mmdebstrap installs from the packages listed in
 * images/debian/packages, imported as an image of one layer. It is made again only when its inputs changed.
 *
 * @throws CommandError when mmdebstrap or podman fails; no image of that name appears then.
 */
export async function ensureDebianBase(options: BaseOptions): Promise<void> {
  const packages = await readPackages();
  const inputs = createHash('sha256')
    .update(JSON.stringify(mmdebstrapCommand(packages, '')))
    .digest('hex');
  const there = await inspectImage(debianBase, options.signal);
  if (there?.labels[inputsLabel] === inputs && options.fresh !== true) {
    note(`${debianBase} is there, made of the same packages`);
    return;
  }
  const folder = join(workspaceRoot, 'target/image');
  await mkdir(folder, { recursive: true });
  const archive = join(folder, `base-${process.pid}.tar`);
  try {
    await run(mmdebstrapCommand(packages, archive), {
      step: `install ${packages.length} packages and what they need`,
      timeoutMs: 1_800_000,
      logFile: options.logFile,
      signal: options.signal,
      // Debian's kernel hooks make no initramfs then: the image build makes the one that counts.
      env: { INITRD: 'No' },
    });
    await podman(['import', '--quiet', `--change=LABEL ${inputsLabel}=${inputs}`, archive, debianBase], {
      step: `import ${debianBase}`,
      logFile: options.logFile,
      signal: options.signal,
    });
  } finally {
    await rm(archive, { force: true });
  }
}

/** The packages that the Debian base is made from, without those they need. */
export async function readPackages(): Promise<string[]> {
  const text = await readFile(join(workspaceRoot, 'images/debian/packages'), 'utf8');
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '');
}

/** The argument vector that makes the root file system of the base and writes it to `archive` (tar). */
export function mmdebstrapCommand(packages: readonly string[], archive: string): [string, ...string[]] {
  // Documentation in other languages is a third of a minimal system, and nobody reads it in a test VM.
  const left = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/info/*', '/usr/share/locale/*'];
  return [
    'mmdebstrap',
    '--variant=minbase',
    '--format=tar',
    '--aptopt=Acquire::Languages "none"',
    ...left.map((path) => `--dpkgopt=path-exclude=${path}`),
    '--dpkgopt=path-include=/usr/share/doc/*/copyright',
    // The hook that would have run depmod is the one that makes the initramfs.
    '--customize-hook=for modules in "$1"/usr/lib/modules/*; do chroot "$1" depmod "$(basename "$modules")"; done',
    // Taken from the machine that builds; each system gets its own.
    '--customize-hook=rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
    `--include=${packages.join(',')}`,
    suite,
    archive,
  ];
}
