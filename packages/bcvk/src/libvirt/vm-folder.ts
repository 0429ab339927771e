import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { tryLock } from '@workbench/run/flock';
import { z } from 'zod';

const recordSchema = z.object({
  schema: z.literal(1),
  /** libvirt connection that the domain belongs to; null is libvirt's default. */
  connect: z.string().nullable(),
  baseDiskKey: z.string(),
  /** Folders that must be bound read-only before the VM starts: from where, to where. */
  readOnlyBinds: z.array(z.object({ from: z.string(), to: z.string() })),
  /** Folders that are shared once the VM has booted: `unit` is the one that mounts it in the guest, `device` where it is. */
  laterShares: z
    .array(z.object({ folder: z.string(), tag: z.string(), unit: z.string().optional(), device: z.string() }))
    .default([]),
});

/** What this program must remember of a VM beside its domain. */
export type VmRecord = z.infer<typeof recordSchema>;

/** The folder of a VM's own files. */
export function vmFolder(stateFolder: string, name: string): string {
  return join(stateFolder, 'vms', name);
}

/** The files in it. */
export function vmFiles(folder: string) {
  return {
    disk: join(folder, 'disk.qcow2'),
    firmwareVariables: join(folder, 'firmware-variables.fd'),
    record: join(folder, 'vm.json'),
    domain: join(folder, 'domain.xml'),
    shares: join(folder, 'shares'),
  };
}

/** Makes a VM's folder and its record, which must be there before anything else of the VM is. */
export function createVmFolder(folder: string, record: Omit<z.input<typeof recordSchema>, 'schema'>): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(vmFiles(folder).record, `${JSON.stringify({ schema: 1, ...record }, undefined, 2)}\n`);
}

/** The record of a VM's folder; undefined if there is none that can be read. */
export function readVmRecord(folder: string): VmRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(vmFiles(folder).record, 'utf8')));
  } catch {
    return undefined;
  }
}

/** Binds the folders of a VM that its guest may only read; what is bound already stays. */
export async function bindReadOnly(record: Pick<VmRecord, 'readOnlyBinds'>): Promise<void> {
  for (const { from, to } of record.readOnlyBinds) {
    if (isMountPoint(to)) continue;
    mkdirSync(to, { recursive: true });
    await run(['mount', '--bind', '-o', 'ro', '--', from, to], { step: `share ${from} read-only` });
  }
}

/** Removes a VM's folder with everything in it; its binds first, so that nothing of the host is ever removed. */
export async function removeVmFolder(folder: string): Promise<void> {
  const { shares } = vmFiles(folder);
  for (const name of existsSync(shares) ? readdirSync(shares) : []) {
    const point = join(shares, name);
    if (isMountPoint(point)) await run(['umount', '--lazy', '--', point], { step: 'remove a read-only share' });
  }
  rmSync(folder, { recursive: true, force: true });
}

/** The lock of all that makes or removes VMs by one name. */
export function vmLockFile(runtimeFolder: string, name: string): string {
  return join(runtimeFolder, 'vms', `${name}.lock`);
}

/**
 * Removes the folders of VMs of this connection whose domain is gone (transient ones, or half-made ones of a killed run);
 * gives their names.
 */
export async function sweepVmFolders(options: {
  stateFolder: string;
  runtimeFolder: string;
  connect: string | null;
  domains: ReadonlySet<string>;
}): Promise<string[]> {
  const parent = join(options.stateFolder, 'vms');
  const swept: string[] = [];
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    if (options.domains.has(name)) continue;
    using held = tryLock(vmLockFile(options.runtimeFolder, name), 'sweeper');
    const record = readVmRecord(join(parent, name));
    if (held === undefined || (record !== undefined && record.connect !== options.connect)) continue;
    await removeVmFolder(join(parent, name));
    swept.push(name);
  }
  return swept;
}

/** Names of the VMs whose disks are overlays on each base disk, by its key. */
export function baseDiskUsers(stateFolder: string): Map<string, string[]> {
  const parent = join(stateFolder, 'vms');
  const users = new Map<string, string[]>();
  for (const name of existsSync(parent) ? readdirSync(parent) : []) {
    const key = readVmRecord(join(parent, name))?.baseDiskKey;
    if (key !== undefined) users.set(key, [...(users.get(key) ?? []), name]);
  }
  return users;
}

function isMountPoint(path: string): boolean {
  const escaped = path.replaceAll('\\', '\\134').replaceAll(' ', '\\040').replaceAll('\t', '\\011');
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[4] === escaped);
}
