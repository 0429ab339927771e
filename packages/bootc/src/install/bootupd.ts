import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { pathExists } from '../storage/optional-file.ts';
import { mountAt } from './mounts.ts';

/** Where an image keeps the boot loaders that bootupd installs, relative to its root: such an image has its grub installed by that. */
export const bootupdUpdates = 'usr/lib/bootupd/updates';

/** The program that installs them, relative to the root of the image. */
export const bootupdProgram = 'usr/bin/bootupctl';

/** What is to be said of an image with {@link bootupdUpdates} but without {@link bootupdProgram}. */
export const withoutBootupctl = {
  message: `the image has its grub for bootupd (/${bootupdUpdates}), but not /${bootupdProgram}, which installs it`,
  hint: 'install bootupd when the image is built, or set --bootloader systemd',
} as const;

/** How bootupd is told to install. */
export interface BootupdOptions {
  isGenericImage: boolean;
  /** Do not write down the UUID of the file system with /boot: grub finds it by its name then. */
  skipsBootUuid: boolean;
  /** The root file system is named by where it is mounted; older versions want the whole disk. */
  target: { kind: 'filesystem' } | { kind: 'device'; path: string };
}

/**
 * The command that has bootupd install from an image, as seen in it: the physical root is at `/sysroot`, with its `/boot` at `/boot`.
 * For a generic image no firmware variables are written, since they would belong to this machine.
 */
export function bootupctlCommand(imageRoot: string, options: BootupdOptions): [string, ...string[]] {
  const { target } = options;
  return [
    'chroot',
    imageRoot,
    'bootupctl',
    'backend',
    'install',
    options.skipsBootUuid ? '--with-static-configs' : '--write-uuid',
    ...(options.isGenericImage ? [] : ['--update-firmware', '--auto']),
    ...(target.kind === 'filesystem' ? ['--filesystem', '/sysroot'] : ['--device', target.path]),
    '/',
  ];
}

/** Whether the grub of a mounted image is for bootupd to install. */
export function isForBootupd(imageRoot: string): Promise<boolean> {
  return pathExists(join(imageRoot, bootupdUpdates));
}

/**
 * Has bootupd install grub from a mounted image: onto the ESP, which it finds itself, and with its configuration in `/boot`, which
 * reads the boot entries there. What bootupd needs of the system is mounted in the image meanwhile.
 *
 * @param options `rootMount` is where the physical root is mounted, `bootFolder` its `/boot`.
 * @throws CodedError `BOOTUPCTL_MISSING`; CommandError when bootupctl fails.
 */
export async function installByBootupd(options: {
  imageRoot: string;
  rootMount: string;
  bootFolder: string;
  isGenericImage: boolean;
  skipsBootUuid: boolean;
  signal?: AbortSignal;
}): Promise<void> {
  const { imageRoot, rootMount, bootFolder, signal } = options;
  const abort = signal === undefined ? {} : { signal };
  if (!(await pathExists(join(imageRoot, bootupdProgram)))) {
    throw new CodedError('BOOTUPCTL_MISSING', withoutBootupctl.message, { hint: withoutBootupctl.hint });
  }
  await using mounts = new AsyncDisposableStack();
  const bound: [source: string, path: string][] = [
    [rootMount, 'sysroot'],
    [bootFolder, 'boot'],
    ...['dev', 'proc', 'sys', 'run'].map((name): [string, string] => [`/${name}`, name]),
  ];
  for (const [source, path] of bound) {
    mounts.use(await mountAt(source, join(imageRoot, path), { options: ['bind'], ...abort }));
  }
  mounts.use(await mountAt('tmpfs', join(imageRoot, 'tmp'), { type: 'tmpfs', ...abort }));
  const help = await run(['chroot', imageRoot, 'bootupctl', 'backend', 'install', '--help'], {
    step: 'find out what bootupctl can do',
    ...abort,
  });
  const target = help.stdout.includes('--filesystem')
    ? ({ kind: 'filesystem' } as const)
    : ({ kind: 'device', path: await diskOf(rootMount, abort) } as const);
  await run(bootupctlCommand(imageRoot, { ...options, target }), { step: 'install grub by bootupd', ...abort });
}

async function diskOf(mountPoint: string, abort: { signal?: AbortSignal }): Promise<string> {
  const found = await run(['findmnt', '--noheadings', '--nofsroot', '--output', 'SOURCE', '--mountpoint', mountPoint], {
    step: 'find the partition of the root',
    ...abort,
  });
  const disks = await run(['lsblk', '--inverse', '--noheadings', '--paths', '--output', 'NAME', found.stdout.trim()], {
    step: 'find the disk of the root',
    ...abort,
  });
  return wholeDisk(disks.stdout);
}

/** The device that all others are made of, of a tree from `lsblk --inverse`: the last one, without the lines of the tree. */
export function wholeDisk(tree: string): string {
  return tree
    .trimEnd()
    .split('\n')
    .at(-1)!
    .replace(/^[^/]*/, '');
}
