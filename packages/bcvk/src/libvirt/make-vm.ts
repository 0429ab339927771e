import { randomUUID } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { run } from '@workbench/run';
import type { Context } from '../context/context.ts';
import { type DomainFirmware, domainXml } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { enrolKeys } from './secure-boot.ts';
import { planLater } from './share-later.ts';
import { planShares } from './shares.ts';
import { createSshKey } from './ssh-key.ts';
import { withSshPort } from './ssh-port.ts';
import { makeOverlay, requireBaseDisk } from './vm-disk.ts';
import { bindReadOnly, createVmFolder, removeVmFolder, vmFiles } from './vm-folder.ts';
import { vmMetadata } from './vm-metadata.ts';
import { describeDomain, type VmParts } from './vm-parts.ts';

/**
 * Makes the VM's folder, disk, firmware variables and domain, and starts it.
 *
 * @param snapshotKey of the snapshot that is to be taken of it when it has booted.
 */
export async function makeVm(name: string, parts: VmParts, snapshotKey?: string): Promise<void> {
  const { request, image, baseDisk, folder, virsh, accel, context } = parts;
  await context.phases.run('start', `Start VM ${name}`, async (phase) => {
    phase.fact('accel', accel);
    if (snapshotKey !== undefined) phase.fact('wantsSnapshot', true);
    await removeVmFolder(folder);
    const files = vmFiles(folder);
    const planned = await planShares(request, files.shares);
    // What has a folder of the host cannot be saved: it gets it afterwards.
    const later = snapshotKey === undefined ? undefined : planLater(planned);
    const shares = later?.atBoot ?? planned;
    const record = {
      connect: request.connect ?? null,
      baseDiskKey: baseDisk.key,
      readOnlyBinds: planned.readOnlyBinds,
      laterShares: later?.shares ?? [],
    };
    createVmFolder(folder, record);
    requireBaseDisk(baseDisk, context);
    await bindReadOnly(record);
    await makeOverlay(baseDisk.file, files.disk, request.diskBytes);
    if (request.diskEditor !== undefined) {
      phase.note(`Editing the disk with ${request.diskEditor}`);
      await run([request.diskEditor, files.disk], { step: "edit the VM's disk", signal: context.signal });
    }
    const firmware = await makeFirmware(request, files.firmwareVariables, context);
    const key = await createSshKey(name);
    await withSshPort(name, parts, async (sshPort) => {
      const facts = { accel, sshPort, privateKey: key.privateKey, baseDiskKey: baseDisk.key, snapshotKey };
      const description = describeDomain(parts, {
        name,
        uuid: randomUUID(),
        firmware,
        diskFile: files.disk,
        shares,
        laterShares: later?.shares.length ?? 0,
        sshPublicKey: key.publicKey,
        sshPort,
        ports: request.ports,
        logs: request.logs,
        metadata: vmMetadata(request, image, facts),
      });
      writeFileSync(files.domain, domainXml(description), { mode: 0o600 });
      if (request.transient) {
        await virsh(['create', files.domain], `create the transient VM ${name}`);
      } else {
        await virsh(['define', files.domain], `define the VM ${name}`);
        await virsh(['start', name], `start the VM ${name}`);
      }
    });
  });
}

async function makeFirmware(request: RunVmRequest, varsFile: string, context: Context): Promise<DomainFirmware> {
  if (request.firmware === 'bios') return { kind: 'bios' };
  const secure = request.firmware === 'uefi-secure';
  const keys = request.secureBootKeys;
  const files = findFirmware(!secure ? 'insecure' : keys === undefined ? 'secure-enrolled' : 'secure');
  if (keys === undefined) copyFileSync(files.varsTemplate, varsFile);
  else await enrolKeys(keys, { template: files.varsTemplate, output: varsFile }, context.env);
  return { kind: 'uefi', secure, ...files, varsFile };
}
