import { mkdir } from 'node:fs/promises';
import { run } from '@workbench/run';

/** Where an installation mounts things. */
export const installMounts = {
  root: '/run/bootc/mounts/rootfs',
  esp: '/run/bootc/mounts/esp',
  image: '/run/bootc/mounts/image',
} as const;

/** A mount that is taken away when it is disposed of, with all that is mounted below it. */
export interface Mount extends AsyncDisposable {
  path: string;
}

/** What mount(8) is told. */
export interface MountOptions {
  type?: string;
  /** Words of `-o`. */
  options?: readonly string[];
  signal?: AbortSignal;
}

/**
 * Mounts on a directory, which is made when it is missing. Disposing does not listen to `signal`, so that an installation
 * that is stopped leaves nothing mounted.
 */
export async function mountAt(source: string, path: string, options: MountOptions = {}): Promise<Mount> {
  await mkdir(path, { recursive: true });
  const type = options.type === undefined ? [] : ['-t', options.type];
  const words = options.options === undefined ? [] : ['-o', options.options.join(',')];
  await run(['mount', ...type, ...words, source, path], {
    step: `mount ${source}`,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await run(['umount', '-R', path], { step: `unmount ${source}` });
    },
  };
}

/** A file attached to a loop device, until it is disposed of. */
export interface LoopDevice extends AsyncDisposable {
  device: string;
}

/** Attaches a file to a free loop device that shows the file's partitions. */
export async function attachLoop(file: string, signal?: AbortSignal): Promise<LoopDevice> {
  const { stdout } = await run(['losetup', '--find', '--show', '--partscan', file], {
    step: `attach ${file} to a loop device`,
    ...(signal === undefined ? {} : { signal }),
  });
  const device = stdout.trim();
  return {
    device,
    [Symbol.asyncDispose]: async () => {
      await run(['losetup', '--detach', device], { step: `detach ${device}` });
    },
  };
}

/**
 * Brings everything on a file system to the disk and leaves it clean: unused blocks are given back (where the device can),
 * the file system is made read-only, and its journal is emptied. After this resolves nothing on it changes or is lost.
 */
export async function settleFilesystem(
  path: string,
  warn: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const abort = signal === undefined ? {} : { signal };
  await run(['fstrim', path], { step: 'give unused blocks back', timeoutMs: 120_000, ...abort }).catch(
    (error: unknown) => {
      if (signal?.aborted === true) throw error;
      if (!isUnsupported(error)) warn(`unused blocks were not given back: ${firstLine(error)}`);
    },
  );
  await run(['mount', '-o', 'remount,ro', path], { step: `make ${path} read-only`, ...abort });
}

function isUnsupported(error: unknown): boolean {
  return error instanceof Error && /not supported|Operation not permitted/i.test(error.message);
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? '';
}
