import { copyFileSync, existsSync, rmSync } from 'node:fs';
import { CodedError, run } from '@workbench/run';
import { tryLock } from '@workbench/run/flock';
import { baseDiskFolder, findBaseDisk } from '../cache/base-disks.ts';
import {
  beginSnapshot,
  findSnapshot,
  finishSnapshot,
  snapshotFiles,
  snapshotLockFile,
  snapshotsFolder,
} from '../cache/snapshots.ts';
import type { Context } from '../context/context.ts';
import { type DomainRecord, getDomain } from './domain-info.ts';
import { setGuestClock } from './guest-clock.ts';
import { readSaveImage } from './save-image.ts';
import { attachLater } from './share-later.ts';
import { writeKeyFile } from './ssh-key.ts';
import { createVirsh, type Virsh } from './virsh.ts';
import { vmFiles, vmFolder } from './vm-folder.ts';

/**
 * Takes the snapshot that a VM was started for (`run --snapshot`), if no other VM gave it, has the VM go on, and gives it
 * the folders of the host that it had to be without.
 */
export async function takeSnapshot(name: string, connect: string | undefined, context: Context): Promise<void> {
  const virsh = createVirsh(connect);
  const domain = await getDomain(virsh, name);
  try {
    await takeWanted(domain, virsh, context);
  } finally {
    const guest = { name, port: domain.info.ssh_port!, privateKey: domain.info.ssh_private_key! };
    const virtiofsd = context.env.VIRTIOFSD_BIN;
    const folder = vmFolder(context.folders.state, name);
    await attachLater(guest, folder, { virsh, virtiofsd, env: context.env, signal: context.signal });
  }
}

/**
 * Takes the snapshot that a VM was started for (`run --snapshot`), and has the VM go on. It stands still for as long as
 * its memory takes to be written. Does nothing where the VM is not for a snapshot, or another one gave it meanwhile.
 *
 * @throws CodedError when the VM does not go on. Whatever else goes wrong is told, and no snapshot is there.
 */
async function takeWanted(domain: DomainRecord, virsh: Virsh, context: Context): Promise<void> {
  const { name } = domain.info;
  const key = domain.metadata.get('wanted-snapshot');
  const baseDisk = findBaseDisk(baseDiskFolder(context.folders.cache), domain.metadata.get('base-disk') ?? '');
  if (key === undefined || baseDisk === undefined) {
    context.phases.note(`No snapshot is wanted of VM ${name}`);
    return;
  }
  const parent = snapshotsFolder(baseDisk.file);
  using held = tryLock(snapshotLockFile(parent, key), `taking a snapshot of VM ${name}`);
  if (held === undefined || findSnapshot(parent, key) !== undefined) {
    context.phases.note('Another VM gives, or gave, this snapshot');
    return;
  }
  await context.phases.run('snapshot', `Take a snapshot of VM ${name}`, async (phase) => {
    const part = beginSnapshot(parent, key);
    try {
      const files = snapshotFiles(part);
      await save(domain, { files, own: vmFiles(vmFolder(context.folders.state, name)), virsh, context });
      const head = readSaveImage(files.memory);
      const privateKey = domain.info.ssh_private_key!;
      const { record } = finishSnapshot(part, {
        key,
        created: new Date().toISOString(),
        privateKey,
        publicKey: await publicKeyOf(privateKey),
        saveImageHead: head.raw.toString('base64'),
        saveImageDataBytes: head.dataBytes,
        saveImageCookie: head.cookie,
      });
      phase.note(`Snapshot ${record.key} is kept`);
    } catch (error) {
      rmSync(part, { recursive: true, force: true });
      throw error;
    }
  });
}

interface SavePlaces {
  files: ReturnType<typeof snapshotFiles>;
  own: ReturnType<typeof vmFiles>;
  virsh: Virsh;
  context: Context;
}

/** Saves memory, disk and firmware variables of one moment; the VM goes on with its own ones. */
async function save({ info }: DomainRecord, { files, own, virsh, context }: SavePlaces): Promise<void> {
  await virsh(['save', info.name, files.memory], `save the VM ${info.name}`);
  try {
    copyFileSync(own.disk, files.disk);
    if (existsSync(own.firmwareVariables)) copyFileSync(own.firmwareVariables, files.firmwareVariables);
  } finally {
    await virsh(['restore', files.memory, '--running'], `have the VM ${info.name} go on`).catch((error: unknown) => {
      throw new CodedError('VM_LOST_BY_SNAPSHOT', `VM ${info.name} did not go on after its snapshot`, {
        hint: 'use --snapshot=false; the log of the domain is in /var/log/libvirt/qemu',
        cause: error,
      });
    });
  }
  const address = { name: info.name, port: info.ssh_port!, privateKey: info.ssh_private_key! };
  await setGuestClock(address, context.signal);
}

async function publicKeyOf(privateKey: string): Promise<string> {
  using file = writeKeyFile(privateKey);
  return (await run(['ssh-keygen', '-y', '-f', file.path], { step: 'read the public key' })).stdout.trim();
}
