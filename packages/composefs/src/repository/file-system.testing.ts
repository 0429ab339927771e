import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';

/** How file systems that differ in what content can share are made. */
export const fileSystems = {
  ext4: ['mkfs.ext4', '-q', '-O', 'verity'],
  'ext4 without fs-verity': ['mkfs.ext4', '-q', '-O', '^verity'],
  xfs: ['mkfs.xfs', '-q'],
  btrfs: ['mkfs.btrfs', '-q'],
} as const satisfies Record<string, readonly [string, ...string[]]>;

/** A file system of its own, unmounted and gone when disposed. */
export interface MountedFileSystem extends AsyncDisposable {
  path: string;
  /** Bytes that are used in it, all of them on disk. */
  usedBytes(): Promise<number>;
}

/** Makes and mounts one of 800 MB, in a folder for it. */
export async function mountFileSystem(folder: string, kind: keyof typeof fileSystems): Promise<MountedFileSystem> {
  const call = async (argv: readonly [string, ...string[]], step: string) => (await run(argv, { step })).stdout.trim();
  const disk = join(folder, 'disk.img');
  const path = join(folder, 'mount');
  mkdirSync(path, { recursive: true });
  await call(['truncate', '--size=800M', disk], 'make a disk');
  await call([...fileSystems[kind], disk], `make ${kind}`);
  await call(['mount', '-o', 'loop', disk, path], 'mount it');
  return {
    path,
    async usedBytes() {
      // What is freed is known only with the next transaction, and a while later on xfs.
      for (const _ of [1, 2]) await call(['sync', '--file-system', path], 'sync');
      return Number((await call(['df', '--output=used', '--block-size=1', path], 'measure')).split('\n').at(-1));
    },
    async [Symbol.asyncDispose]() {
      // A test that failed may still have a file of it open.
      await call(['umount', '--recursive', '--lazy', path], 'unmount it');
      await call(['rm', disk], 'remove the disk');
    },
  };
}
