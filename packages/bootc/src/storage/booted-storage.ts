import { join } from 'node:path';
import type { Repository } from '@workbench/composefs';
import { CodedError, CommandError, run } from '@workbench/run';
import { readsEntriesFromEsp } from '../boot/bootloader.ts';
import type { Bootloader } from '../boot/names.ts';
import { physicalRoot } from '../deployment/state-paths.ts';
import type { BootLocation } from './boot-entries.ts';
import { detectBootloader, detectLoaderPartition } from './bootloader-detection.ts';
import { type BootedHost, detectEnvironment } from './environment.ts';
import { mountEsp, mountEspIfPossible } from './esp.ts';
import { type ImageStore, imageStoreOf } from './image-store.ts';
import { journalMessages, writeJournal } from './journal.ts';
import { hasLegacyBootNames, hasLegacyRecords } from './legacy-traces.ts';
import { hasPrivateMountNamespace } from './mount-namespace.ts';
import { type Mount, mountAt, readMountTable } from './mount-table.ts';
import { tryLockOperations } from './operation-lock.ts';
import { isWritable, pathExists, readOptionalText } from './optional-file.ts';

/** The storage of the running system, opened. Disposing of it closes the repository and with it its lock. */
export interface BootedStorage extends AsyncDisposable {
  root: string;
  /** The physical root, as it is mounted: `/sysroot`. */
  physicalRoot: string;
  host: BootedHost;
  boot: BootLocation;
  /** The disk is write-protected (a live medium): nothing can be changed. */
  isReadOnly: boolean;
  mounts: readonly Mount[];
  /** Images of the repository; a repository that cannot be opened makes its calls reject, not the opening of the storage. */
  images: ImageStore;
  /** The repository, opened at the first call. */
  openRepository(): Promise<Repository>;
  /** What could not be opened: see `toleratesProblems`. */
  problems?: readonly string[];
  /** What opening changed on a system that an older bootc has installed, and what it could not. */
  migration?: OpeningReport;
}

/** What was done to a system that an older bootc has installed, and what could not be done, in lines for people. */
export interface OpeningReport {
  changes: readonly string[];
  problems: readonly string[];
}

/**
 * Opens the storage of the running system: finds the deployment it booted, mounts the EFI system partition where nobody
 * else sees it, and for writing makes `/sysroot` writable in this process's mount namespace only.
 *
 * What an older bootc has installed is brought up to date first: all of it when opened for writing, for which the caller
 * holds the lock of operations, and the names on the boot partition when opened for reading, unless somebody else is at work
 * or nothing can be written. Whatever goes wrong with that is told to the journal and in `migration`; it is tried again next
 * time.
 *
 * @param options.toleratesProblems opens it without the EFI system partition where that cannot be mounted, for reading, and tells so in
 * `problems`.
 * @throws CodedError `NOT_A_BOOTED_HOST` unless the system was booted from composefs; see also mountEsp.
 */
export async function openBootedStorage(
  access: 'read' | 'write',
  { toleratesProblems = false }: { toleratesProblems?: boolean } = {},
): Promise<BootedStorage> {
  const root = '/';
  const host = await detectEnvironment(root);
  if (host.kind !== 'composefs') throw notBootedHost(host.kind);
  // A verb that is missing from the list of those that get one would otherwise show its mounts to the whole system.
  if (!hasPrivateMountNamespace()) throw new Error('the storage is opened outside a private mount namespace');
  const mounts = await readMountTable(root);
  const sysroot = join(root, 'sysroot');
  const isReadOnly = await isDeviceReadOnly(root, mountAt(mounts, '/sysroot'));
  if (access === 'write') {
    if (isReadOnly) {
      throw new CodedError('HOST_READ_ONLY', 'the block device of /sysroot is read-only, as on a live ISO', {
        hint: 'install to a disk first: bootc install to-disk',
      });
    }
    await remountWritable(sysroot);
  } else if (!isReadOnly && !(await pathExists(join(sysroot, physicalRoot.repository, 'meta.json')))) {
    // Opening a repository of bootc 1.13 writes down what kind of repository it is.
    await remountWritableIfPossible(sysroot);
  }
  const startedFrom = await detectLoaderPartition(root);
  const openEsp = async () =>
    access === 'read' && toleratesProblems
      ? mountEspIfPossible(mounts, startedFrom)
      : { directory: await mountEsp(mounts, access, startedFrom), problems: [] };
  const [bootloader, { directory: espDirectory, problems }] = await Promise.all([detectBootloader(root), openEsp()]);
  const boot = await openBootLocation(bootloader, { espDirectory, mounts, access });
  let repository: Promise<Repository> | undefined;
  const openRepository = async (): Promise<Repository> => {
    const composefs = await import('@workbench/composefs');
    repository ??= composefs.openRepository(join(sysroot, physicalRoot.repository));
    return repository;
  };
  const storage: BootedStorage = {
    root,
    physicalRoot: sysroot,
    host,
    boot,
    isReadOnly,
    mounts,
    problems,
    images: lazyImageStore(openRepository),
    openRepository,
    [Symbol.asyncDispose]: async () => {
      await (await repository?.catch(() => undefined))?.[Symbol.asyncDispose]();
    },
  };
  storage.migration = await bringUpToDate(storage, access).catch((error: Error) => {
    return { changes: [], problems: [error.message] };
  });
  return storage;
}

// Classic grub reads /boot: of the root file system, or a file system of its own, which is mounted read-only then.
async function openBootLocation(
  bootloader: Bootloader,
  options: { espDirectory: string; mounts: readonly Mount[]; access: 'read' | 'write' },
): Promise<BootLocation> {
  const { espDirectory } = options;
  if (readsEntriesFromEsp(bootloader)) return { bootloader, bootDirectory: espDirectory, espDirectory };
  const separate = mountAt(options.mounts, '/boot');
  if (separate === undefined || ['vfat', 'autofs'].includes(separate.filesystem)) {
    return { bootloader, bootDirectory: '/sysroot/boot', espDirectory };
  }
  if (options.access === 'write') await remountWritable('/boot');
  return { bootloader, bootDirectory: '/boot', espDirectory, bootIsMount: true };
}

async function bringUpToDate(storage: BootedStorage, access: 'read' | 'write'): Promise<OpeningReport> {
  const nothing = { changes: [], problems: [] };
  // What is not seen would be taken for gone.
  if ((storage.problems ?? []).length > 0) return nothing;
  const hasOldNames = await hasLegacyBootNames(storage.boot);
  if (!hasOldNames && (access === 'read' || !(await hasLegacyRecords(storage.physicalRoot)))) return nothing;
  const { migrateNames, migrateStorage } = await import('../migration/migrate.ts');
  let report: OpeningReport;
  if (access === 'write') {
    report = await migrateStorage(storage);
  } else {
    using lock = await tryLockOperations(storage.root);
    if (lock === undefined || !(await canWriteBootFiles(storage))) return nothing;
    report = await migrateNames(storage);
  }
  for (const message of [...report.changes, ...report.problems]) {
    const priority = report.changes.includes(message) ? 6 : 4;
    await writeJournal({ messageId: journalMessages.migrated, message: `Older installation: ${message}`, priority });
  }
  return report;
}

// Of classic grub they are on a file system that is mounted read-only for those who only read.
async function canWriteBootFiles({ boot, physicalRoot: sysroot, isReadOnly }: BootedStorage): Promise<boolean> {
  if (!(await isWritable(boot.espDirectory))) return false;
  if (await isWritable(boot.bootDirectory)) return true;
  if (isReadOnly || readsEntriesFromEsp(boot.bootloader)) return false;
  await remountWritableIfPossible(boot.bootIsMount === true ? boot.bootDirectory : sysroot);
  return isWritable(boot.bootDirectory);
}

// In the mount namespace of this process.
async function remountWritable(mountPoint: string): Promise<void> {
  await run(['mount', '-o', 'remount,rw', mountPoint], { step: `make ${mountPoint} writable`, timeoutMs: 60_000 });
}

// The kernel refuses it for a file system that met an error, for one.
async function remountWritableIfPossible(mountPoint: string): Promise<void> {
  await remountWritable(mountPoint).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
  });
}

/** The error of a command that only makes sense on a host booted from a deployment. */
export function notBootedHost(kind: 'container' | 'ostree' | 'other'): CodedError {
  const where = {
    container: 'this is a container, but this command requires a booted host system',
    ostree: 'this command requires a booted host system of the composefs backend, and this one was booted from ostree',
    other: 'this command requires a booted host system, and this one was not booted from a bootc deployment',
  };
  return new CodedError('NOT_A_BOOTED_HOST', where[kind], {
    hint: 'run it on a machine installed with bootc install',
  });
}

function lazyImageStore(openRepository: () => Promise<Repository>): ImageStore {
  let store: Promise<ImageStore> | undefined;
  const open = async (): Promise<ImageStore> =>
    imageStoreOf(await openRepository(), await import('@workbench/composefs'));
  const opened = (): Promise<ImageStore> => {
    store ??= open();
    return store;
  };
  return {
    readImage: async (manifestDigest) => (await opened()).readImage(manifestDigest),
    readBootImageIds: async (manifestDigest) => (await opened()).readBootImageIds(manifestDigest),
    listTags: async () => (await opened()).listTags(),
    hasErofsImage: async (id) => (await opened()).hasErofsImage(id),
  };
}

async function isDeviceReadOnly(root: string, sysroot: Mount | undefined): Promise<boolean> {
  const text = await readOptionalText(join(root, 'sys/dev/block', sysroot?.device ?? '0:0', 'ro'));
  return text?.trim() === '1';
}
