import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { emulatedCpu, guestProcessors } from '../accel/accel.ts';
import { chooseAccel } from '../accel/probe.ts';
import { type BaseDisk, baseDiskFolder, findBaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';
import { findKernel } from '../images/kernel.ts';
import { type ImageFacts, mountImage, unmountImage } from '../images/podman.ts';
import { lock } from '../lock/flock.ts';
import { findVirtiofsd } from '../to-disk/virtiofsd.ts';
import { guestCredentials } from './credentials.ts';
import { listDomains } from './domain-info.ts';
import { type DomainFirmware, domainXml } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import { chooseSshPort } from './ports.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { enrolKeys } from './secure-boot.ts';
import { planShares } from './shares.ts';
import { createSshKey } from './ssh-key.ts';
import type { Virsh } from './virsh.ts';
import { bindReadOnly, createVmFolder, removeVmFolder, vmFiles } from './vm-folder.ts';
import { vmMetadata } from './vm-metadata.ts';

/** What a VM is made of and with. */
export interface VmParts {
  request: RunVmRequest;
  image: ImageFacts;
  baseDisk: BaseDisk;
  folder: string;
  virsh: Virsh;
  context: Context;
}

/** Makes the VM's folder, disk, firmware variables and domain, and starts it. */
export async function makeVm(name: string, parts: VmParts): Promise<void> {
  const { request, image, baseDisk, folder, virsh, context } = parts;
  await context.phases.run('start', `Start VM ${name}`, async (phase) => {
    await removeVmFolder(folder);
    const files = vmFiles(folder);
    const shares = await planShares(request, files.shares);
    const record = {
      connect: request.connect ?? null,
      baseDiskKey: baseDisk.key,
      readOnlyBinds: shares.readOnlyBinds,
    };
    createVmFolder(folder, record);
    // From here on the record protects the base disk from pruning; it must still be there.
    if (findBaseDisk(baseDiskFolder(context.folders.cache), baseDisk.key) === undefined) {
      throw new CodedError('BASE_DISK_GONE', `base disk ${baseDisk.key} was removed a moment ago`, {
        hint: 'run it again, and raise BCVK_CACHE_BUDGET',
      });
    }
    await bindReadOnly({ schema: 1, ...record });
    await run(
      [
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        '-F',
        'qcow2',
        '-b',
        baseDisk.file,
        files.disk,
        String(request.diskBytes),
      ],
      { step: "make the VM's disk" },
    );
    if (request.diskEditor !== undefined) {
      phase.note(`Editing the disk with ${request.diskEditor}`);
      await run([request.diskEditor, files.disk], { step: "edit the VM's disk", signal: context.signal });
    }
    const firmware = await makeFirmware(request, files.firmwareVariables, context);
    const accel = await acceleration(image, baseDisk, context);
    phase.fact('accel', accel);
    const key = await createSshKey(name);

    // No other VM may choose a port until QEMU listens on this one's.
    using _held = await lock(join(context.folders.runtime, 'ports.lock'), {
      holder: `starting VM ${name}`,
      signal: context.signal,
    });
    const taken = (await listDomains(virsh)).map(({ info }) => info.ssh_port).filter((port) => port !== null);
    const sshPort = await chooseSshPort(new Set([...taken, ...request.ports.map(({ hostPort }) => hostPort)]));
    const xml = domainXml({
      name,
      uuid: randomUUID(),
      accel,
      emulatedCpu: emulatedCpu(baseDisk.record.processorLevel ?? undefined),
      memoryMiB: request.memoryMiB,
      cpus: guestProcessors(request.cpus, accel),
      firmware,
      diskFile: files.disk,
      shares: shares.folders,
      virtiofsd: shares.folders.length === 0 ? undefined : findVirtiofsd(request.virtiofsd, context.env),
      hasTpm: request.hasTpm,
      serialLog: request.logs.platformConsole,
      virtioLog: request.logs.console,
      journalFile: request.logs.journal,
      initrdJournalFile: request.logs.initrdJournal,
      graphicalConsole: request.graphicalConsole,
      firmwareLog: request.firmwareLog,
      metadata: vmMetadata(request, image, { accel, sshPort, privateKey: key.privateKey, baseDiskKey: baseDisk.key }),
      credentials: guestCredentials({
        sshPublicKey: key.publicKey,
        mounts: shares.mounts,
        hasHostStorage: request.bindStorage,
        streamsJournal: request.logs.journal !== undefined,
      }),
      sshPort,
      ports: request.ports,
    });
    writeFileSync(files.domain, xml, { mode: 0o600 });
    if (request.transient) {
      await virsh(['create', files.domain], `create the transient VM ${name}`);
    } else {
      await virsh(['define', files.domain], `define the VM ${name}`);
      await virsh(['start', name], `start the VM ${name}`);
    }
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

/** The acceleration: known from the base disk's kernel, else the image is mounted to try its kernel. */
async function acceleration(image: ImageFacts, baseDisk: BaseDisk, context: Context) {
  const common = {
    cacheFolder: context.folders.cache,
    override: context.env.BCVK_ACCEL || undefined,
    kernelSha256: baseDisk.record.kernelSha256,
    logFile: join(context.folders.cache, 'logs', 'accel-probe.log'),
  };
  try {
    return (await chooseAccel(common)).accel;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'ACCEL_UNKNOWN') throw error;
  }
  const root = await mountImage(image.id);
  const folder = mkdtempSync(join(tmpdir(), 'bcvk-kernel-'));
  try {
    const { kernelFile } = await findKernel(root, image.reference, folder);
    return (await chooseAccel({ ...common, kernelFile })).accel;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    await unmountImage(image.id);
  }
}
