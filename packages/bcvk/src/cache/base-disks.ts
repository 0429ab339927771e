import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type BaseDiskInputs, baseDiskKey } from './key.ts';
import { snapshotsBytes, snapshotsFolder } from './snapshots.ts';

const inputsSchema = z.object({
  imageDigest: z.string(),
  sourceReference: z.string(),
  filesystem: z.string().nullable(),
  rootSize: z.string().nullable(),
  targetTransport: z.string().nullable(),
  kernelArguments: z.array(z.string()).readonly(),
  composefsBackend: z.boolean(),
  bootloader: z.string().nullable(),
  allowMissingFsverity: z.boolean(),
  diskBytes: z.number(),
  firmware: z.enum(['uefi', 'bios']),
  programVersion: z.string(),
});
const recordSchema = z.object({
  schema: z.literal(1),
  inputs: inputsSchema,
  created: z.string(),
  kernelSha256: z.string(),
  processorLevel: z.number().nullable(),
  installSeconds: z.number(),
});

/** What stands beside a base disk, as `KEY.json`. */
export type BaseDiskRecord = z.infer<typeof recordSchema>;

/** One base disk of the cache. */
export interface BaseDisk {
  key: string;
  file: string;
  record: BaseDiskRecord;
  /** Bytes it takes on the host's disk, with the snapshots of VMs on it. */
  usedBytes: number;
  /** When a VM last began to use it. */
  lastUsed: Date;
}

/** The folder of base disks in a cache folder. */
export function baseDiskFolder(cacheFolder: string): string {
  return join(cacheFolder, 'base-disks');
}

const diskFile = (folder: string, key: string) => join(folder, `bootc-base-${key}.qcow2`);
const recordFile = (folder: string, key: string) => join(folder, `bootc-base-${key}.json`);

/** Where a base disk of these inputs is made before it gets its name, and the lock its maker holds. */
export function baseDiskPlaces(folder: string, inputs: BaseDiskInputs) {
  const key = baseDiskKey(inputs);
  return {
    key,
    file: diskFile(folder, key),
    temporaryFile: join(folder, `.bootc-base-${key}.${process.pid}.part`),
    lockFile: baseDiskLockFile(folder, key),
  };
}

/**
 * The base disk with this key, or undefined. A disk counts only with its record, which is written last and by rename:
 * a half-made one is never taken. A record that cannot be read, or that belongs to other inputs, does not count either.
 */
export function findBaseDisk(folder: string, key: string): BaseDisk | undefined {
  const file = diskFile(folder, key);
  try {
    const record = recordSchema.parse(JSON.parse(readFileSync(recordFile(folder, key), 'utf8')));
    if (baseDiskKey(record.inputs) !== key) return undefined;
    const { mtime } = statSync(recordFile(folder, key));
    const usedBytes = statSync(file).blocks * 512 + snapshotsBytes(snapshotsFolder(file));
    return { key, file, record, usedBytes, lastUsed: mtime };
  } catch {
    return undefined;
  }
}

/** All base disks of a cache, the one used last first. */
export function listBaseDisks(folder: string): BaseDisk[] {
  const keys = (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => /^bootc-base-([0-9a-f]{16})\.json$/.exec(name)?.[1])
    .filter((key) => key !== undefined);
  return keys
    .map((key) => findBaseDisk(folder, key))
    .filter((disk) => disk !== undefined)
    .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime());
}

/** Keys of disks in the folder that do not count: their record is missing, unreadable, or of another program's form. */
export function listBrokenBaseDisks(folder: string): string[] {
  const keys = (existsSync(folder) ? readdirSync(folder) : [])
    .map((name) => /^bootc-base-([0-9a-f]{16})\.(json|qcow2)$/.exec(name)?.[1])
    .filter((key) => key !== undefined);
  return [...new Set(keys)].filter((key) => findBaseDisk(folder, key) === undefined).sort();
}

/** The lock of one base disk: whoever makes, takes or removes it holds it. */
export function baseDiskLockFile(folder: string, key: string): string {
  return join(folder, `.bootc-base-${key}.lock`);
}

/** Gives a finished disk its name, then writes its record. The disk file must be on stable storage already. */
export function addBaseDisk(folder: string, temporaryFile: string, record: Omit<BaseDiskRecord, 'schema'>): BaseDisk {
  mkdirSync(folder, { recursive: true });
  const key = baseDiskKey(record.inputs);
  renameSync(temporaryFile, diskFile(folder, key));
  const temporaryRecord = `${recordFile(folder, key)}.${process.pid}`;
  writeFileSync(temporaryRecord, `${JSON.stringify({ schema: 1, ...record }, undefined, 2)}\n`, { flush: true });
  renameSync(temporaryRecord, recordFile(folder, key));
  return findBaseDisk(folder, key)!;
}

/** Notes that a disk is used now: the disks used longest ago are pruned first. */
export function touchBaseDisk(folder: string, key: string, now: Date): void {
  utimesSync(recordFile(folder, key), now, now);
}

/** Removes a base disk with the snapshots on it; its record first, so that half a removal leaves no disk that counts. */
export function removeBaseDisk(folder: string, key: string): void {
  rmSync(recordFile(folder, key), { force: true });
  rmSync(snapshotsFolder(diskFile(folder, key)), { recursive: true, force: true });
  rmSync(diskFile(folder, key), { force: true });
}
