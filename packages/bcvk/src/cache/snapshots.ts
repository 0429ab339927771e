import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';

const recordSchema = z.object({
  schema: z.literal(1),
  key: z.string(),
  created: z.string(),
  /** Root's ssh key in the guest. */
  privateKey: z.string(),
  publicKey: z.string(),
  /** libvirt's head of the memory file, base64: the file's own is written anew at each start. */
  saveImageHead: z.string(),
  saveImageDataBytes: z.number(),
  saveImageCookie: z.string(),
});

/** What stands beside a snapshot's files, as `snapshot.json`. */
export type SnapshotRecord = z.infer<typeof recordSchema>;

/** A VM as it was after its first boot. */
export interface Snapshot {
  folder: string;
  record: SnapshotRecord;
}

const partStart = '.part-';

/** The folder of the snapshots that were taken of VMs on one base disk; it is measured and pruned with that disk. */
export function snapshotsFolder(baseDiskFile: string): string {
  return baseDiskFile.replace(/\.qcow2$/, '.snapshots');
}

/** The files of a snapshot. VMs' disks are overlays on `disk`, which never changes once the snapshot is whole. */
export function snapshotFiles(folder: string) {
  return {
    record: join(folder, 'snapshot.json'),
    memory: join(folder, 'memory'),
    disk: join(folder, 'disk.qcow2'),
    firmwareVariables: join(folder, 'firmware-variables.fd'),
  };
}

/** The lock of one snapshot: whoever takes it, or starts a VM from it, holds it. */
export function snapshotLockFile(parent: string, key: string): string {
  return join(parent, `.${key}.lock`);
}

/** The whole snapshot with this key, or undefined. One that lacks its record or its memory does not count. */
export function findSnapshot(parent: string, key: string): Snapshot | undefined {
  const names = existsSync(parent) ? readdirSync(parent).filter((name) => name.startsWith(`${key}.`)) : [];
  for (const name of names) {
    const folder = join(parent, name);
    const files = snapshotFiles(folder);
    try {
      const record = recordSchema.parse(JSON.parse(readFileSync(files.record, 'utf8')));
      if (record.key === key && existsSync(files.memory) && existsSync(files.disk)) return { folder, record };
    } catch {
      // One that cannot be used any more; it stays for the VMs whose disks are overlays on it.
    }
  }
  return undefined;
}

/**
 * An empty folder in which a snapshot is made. What killed makers of the same snapshot left is removed: only the holder of
 * its lock may call this.
 */
export function beginSnapshot(parent: string, key: string): string {
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${partStart}${key}.`)) rmSync(join(parent, name), { recursive: true, force: true });
  }
  return mkdtempSync(join(parent, `${partStart}${key}.`));
}

/**
 * Makes a folder with all files of a snapshot one that counts. After this returns, it is on disk under its name; if it
 * throws or power is lost, nothing that counts is there.
 */
export function finishSnapshot(part: string, record: Omit<SnapshotRecord, 'schema'>): Snapshot {
  const files = snapshotFiles(part);
  writeFileSync(files.record, `${JSON.stringify({ schema: 1, ...record }, undefined, 2)}\n`, { mode: 0o600 });
  for (const file of [...Object.values(files).filter((each) => existsSync(each)), part]) syncFile(file);
  const parent = join(part, '..');
  const folder = join(parent, basename(part).slice(partStart.length));
  renameSync(part, folder);
  syncFile(parent);
  return { folder, record: { schema: 1, ...record } };
}

/** Takes from a snapshot what makes it count. Its disk stays: disks of VMs may be overlays on it. */
export function forgetSnapshot({ folder }: Snapshot): void {
  const { record, memory } = snapshotFiles(folder);
  rmSync(record, { force: true });
  rmSync(memory, { force: true });
}

/** Bytes that the snapshots on one base disk take, half-made ones too. */
export function snapshotsBytes(parent: string): number {
  if (!existsSync(parent)) return 0;
  return readdirSync(parent, { recursive: true })
    .map((name) => statSync(join(parent, String(name)), { throwIfNoEntry: false })?.blocks ?? 0)
    .reduce((sum, blocks) => sum + blocks * 512, 0);
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
