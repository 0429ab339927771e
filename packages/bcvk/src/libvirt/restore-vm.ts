import { randomUUID } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { CodedError } from '@workbench/run';
import { lock } from '@workbench/run/flock';
import { findSnapshot, type Snapshot, snapshotFiles, snapshotLockFile, snapshotsFolder } from '../cache/snapshots.ts';
import { type DomainFirmware, domainXml } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import { setGuestClock } from './guest-clock.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { renameSaveImage } from './save-image.ts';
import { attachLater, planLater } from './share-later.ts';
import { planShares } from './shares.ts';
import { withSshPort } from './ssh-port.ts';
import { makeOverlay, requireBaseDisk } from './vm-disk.ts';
import { createVmFolder, removeVmFolder, vmFiles } from './vm-folder.ts';
import { vmMetadata } from './vm-metadata.ts';
import { describeDomain, type VmParts } from './vm-parts.ts';

/**
 * Makes a VM that goes on where the one of the snapshot stood: with its memory, its ssh key, and a disk and firmware
 * variables of its own. When this returns, it answers over ssh and its clock is right.
 */
export async function restoreVm(name: string, parts: VmParts, snapshot: Snapshot): Promise<void> {
  const { request, image, baseDisk, folder, virsh, accel, context } = parts;
  const { record } = snapshot;
  await context.phases.run('restore', `Start VM ${name} from a snapshot`, async (phase) => {
    phase.fact('accel', accel);
    await removeVmFolder(folder);
    const files = vmFiles(folder);
    const kept = snapshotFiles(snapshot.folder);
    const planned = await planShares(request, files.shares);
    const later = planLater(planned);
    createVmFolder(folder, {
      connect: request.connect ?? null,
      baseDiskKey: baseDisk.key,
      readOnlyBinds: planned.readOnlyBinds,
      laterShares: later.shares,
    });
    requireBaseDisk(baseDisk, context);
    await makeOverlay(kept.disk, files.disk, request.diskBytes);
    if (request.firmware !== 'bios') copyFileSync(kept.firmwareVariables, files.firmwareVariables);
    const port = await withSshPort(name, parts, async (sshPort) => {
      const facts = { accel, sshPort, privateKey: record.privateKey, baseDiskKey: baseDisk.key };
      const description = describeDomain(parts, {
        name,
        uuid: randomUUID(),
        firmware: ownFirmware(request.firmware, files.firmwareVariables),
        diskFile: files.disk,
        shares: later.atBoot,
        laterShares: later.shares.length,
        sshPublicKey: record.publicKey,
        sshPort,
        ports: request.ports,
        logs: request.logs,
        metadata: vmMetadata(request, image, facts),
      });
      writeFileSync(files.domain, domainXml(description), { mode: 0o600 });
      await virsh(['define', files.domain], `define the VM ${name}`);
      // With the addresses of all devices, which libvirt gives out.
      const { stdout: xml } = await virsh(
        ['dumpxml', '--inactive', '--security-info', name],
        `read the domain ${name}`,
      );
      const parent = snapshotsFolder(baseDisk.file);
      using _held = await lock(snapshotLockFile(parent, record.key), {
        holder: `starting VM ${name}`,
        signal: context.signal,
        onWait: (holder) => phase.note(`Waiting for process ${holder}`),
      });
      if (findSnapshot(parent, record.key)?.folder !== snapshot.folder) throw snapshotGone(record.key);
      const head = {
        dataBytes: record.saveImageDataBytes,
        cookie: record.saveImageCookie,
        raw: Buffer.from(record.saveImageHead, 'base64'),
      };
      renameSaveImage(kept.memory, head, xml);
      await virsh(['restore', kept.memory, '--running'], `restore the VM ${name}`);
      return sshPort;
    });
    const guest = { name, port, privateKey: record.privateKey };
    await setGuestClock(guest, context.signal);
    const { virtiofsd } = request;
    await attachLater(guest, folder, { virsh, virtiofsd, env: context.env, signal: context.signal });
    phase.note(`VM ${name} started from a snapshot of ${record.created}`);
  });
}

function ownFirmware(kind: RunVmRequest['firmware'], varsFile: string): DomainFirmware {
  if (kind === 'bios') return { kind };
  return { kind: 'uefi', secure: false, ...findFirmware('insecure'), varsFile };
}

function snapshotGone(key: string): CodedError {
  return new CodedError('SNAPSHOT_GONE', `snapshot ${key} was removed a moment ago`, { hint: 'run it again' });
}
