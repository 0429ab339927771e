import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { findSnapshot, type Snapshot, snapshotsFolder } from '../cache/snapshots.ts';
import { type DomainFirmware, domainXml } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import type { LogFiles } from './run-options.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { planLater } from './share-later.ts';
import { planShares } from './shares.ts';
import { describeDomain, type VmParts } from './vm-parts.ts';

/** What a VM has to do with snapshots. */
export type SnapshotChoice =
  | { kind: 'none'; why: string }
  /** There is none of its kind yet. */
  | { kind: 'wanted'; key: string }
  | { kind: 'found'; key: string; snapshot: Snapshot };

/** As many as there is place for beside the network card. */
const mostLaterShares = 4;

/** Why a VM can neither start from a snapshot nor have one taken; undefined if it can. Pure. */
export function snapshotObstacle(request: RunVmRequest, accel: VmParts['accel']): string | undefined {
  const { volumes, binds, readOnlyBinds } = request;
  if (accel === 'kvm') return 'with KVM a boot takes seconds, and the state of its processor cannot be saved';
  if (request.diskEditor !== undefined) return 'the disk is edited before its first boot';
  if (request.transient) return 'the VM is transient';
  if (request.firmware === 'uefi-secure') return 'what Secure Boot lets through shows in a boot alone';
  if (request.hasTpm) return 'the state of a TPM belongs to one VM';
  if (request.graphicalConsole) return 'it has a graphical console';
  if (volumes.length + binds.length + readOnlyBinds.length + (request.bindStorage ? 1 : 0) > mostLaterShares) {
    return `it shares more than ${mostLaterShares} folders`;
  }
  return undefined;
}

/** Looks whether there is a snapshot of an equal VM: same base disk, hardware, credentials, QEMU, libvirt and firmware. */
export async function chooseSnapshot(parts: VmParts): Promise<SnapshotChoice> {
  const { request, accel, baseDisk, virsh } = parts;
  const why = request.snapshot ? snapshotObstacle(request, accel) : 'it was not asked for';
  if (why !== undefined) return { kind: 'none', why };
  const versions = (await virsh(['version'], 'ask libvirt for its version')).stdout;
  const key = snapshotKey(parts, versions, planLater(await planShares(request, '/shares')));
  const snapshot = findSnapshot(snapshotsFolder(baseDisk.file), key);
  return snapshot === undefined ? { kind: 'wanted', key } : { kind: 'found', key, snapshot };
}

/**
 * The key of a VM's snapshot: 16 hexadecimal digits of the SHA-256 of its base disk's key, of its domain without what each
 * VM has of its own (names, files, ports, ssh key), of the versions, and of the firmware's file.
 */
export function snapshotKey(parts: VmParts, versions: string, later: ReturnType<typeof planLater>): string {
  const { request, baseDisk } = parts;
  const firmware = firmwareOfAll(request.firmware);
  const own = (file: string | undefined, name: string) => (file === undefined ? undefined : `/${name}`);
  const logs: LogFiles = {
    console: own(request.logs.console, 'console'),
    platformConsole: own(request.logs.platformConsole, 'platform-console'),
    journal: own(request.logs.journal, 'journal'),
    initrdJournal: own(request.logs.initrdJournal, 'initrd-journal'),
  };
  const xml = domainXml(
    describeDomain(parts, {
      name: 'any',
      uuid: 'any',
      firmware,
      diskFile: '/disk',
      shares: later.atBoot,
      laterShares: later.shares.length,
      sshPublicKey: '',
      sshPort: 0,
      ports: [],
      logs,
      metadata: {},
    }),
  );
  const firmwareFile = firmware.kind === 'bios' ? undefined : statSync(firmware.codeFile);
  const inputs = [baseDisk.key, xml, versions, firmwareFile?.size ?? 0, firmwareFile?.mtimeMs ?? 0];
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex').slice(0, 16);
}

function firmwareOfAll(kind: RunVmRequest['firmware']): DomainFirmware {
  if (kind === 'bios') return { kind };
  return { kind: 'uefi', secure: false, ...findFirmware('insecure'), varsFile: '/variables' };
}
