import { type Accel, emulatedCpu, guestProcessors } from '../accel/accel.ts';
import type { BaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';
import type { ImageFacts } from '../images/podman.ts';
import { findVirtiofsd } from '../to-disk/virtiofsd.ts';
import { guestCredentials } from './credentials.ts';
import type { DomainDescription, DomainFirmware } from './domain-xml.ts';
import type { LogFiles } from './run-options.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import type { planShares } from './shares.ts';
import type { Virsh } from './virsh.ts';

/** What a VM is made of and with. */
export interface VmParts {
  request: RunVmRequest;
  image: ImageFacts;
  baseDisk: BaseDisk;
  folder: string;
  virsh: Virsh;
  accel: Accel;
  context: Context;
}

/** What one VM has of its own, beside what it was asked to be. */
export interface OwnParts {
  name: string;
  uuid: string;
  firmware: DomainFirmware;
  diskFile: string;
  shares: Awaited<ReturnType<typeof planShares>>;
  laterShares: number;
  sshPublicKey: string;
  sshPort: number;
  ports: RunVmRequest['ports'];
  logs: LogFiles;
  metadata: Readonly<Record<string, string>>;
}

/** The domain of a VM. */
export function describeDomain({ request, baseDisk, accel, context }: VmParts, own: OwnParts): DomainDescription {
  const { shares, logs } = own;
  return {
    name: own.name,
    uuid: own.uuid,
    accel,
    emulatedCpu: emulatedCpu(baseDisk.record.processorLevel ?? undefined),
    memoryMiB: request.memoryMiB,
    cpus: guestProcessors(request.cpus, accel),
    firmware: own.firmware,
    diskFile: own.diskFile,
    shares: shares.folders,
    laterShares: own.laterShares,
    virtiofsd: shares.folders.length === 0 ? undefined : findVirtiofsd(request.virtiofsd, context.env),
    hasTpm: request.hasTpm,
    serialLog: logs.platformConsole,
    virtioLog: logs.console,
    journalFile: logs.journal,
    initrdJournalFile: logs.initrdJournal,
    graphicalConsole: request.graphicalConsole,
    firmwareLog: request.firmwareLog,
    metadata: own.metadata,
    credentials: guestCredentials({
      sshPublicKey: own.sshPublicKey,
      mounts: shares.mounts,
      hasHostStorage: request.bindStorage,
      streamsJournal: logs.journal !== undefined,
      isEmulated: accel === 'tcg',
    }),
    sshPort: own.sshPort,
    ports: own.ports,
  };
}
