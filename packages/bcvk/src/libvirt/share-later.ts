import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { findVirtiofsd } from '../to-disk/virtiofsd.ts';
import { mountUnitName } from './credentials.ts';
import { laterSharePattern, laterShareXml } from './domain-xml.ts';
import type { GuestAddress } from './guest-clock.ts';
import type { planShares } from './shares.ts';
import { sshArguments } from './ssh-command.ts';
import { writeKeyFile } from './ssh-key.ts';
import type { Virsh } from './virsh.ts';
import { bindReadOnly, readVmRecord, type VmRecord } from './vm-folder.ts';

const appearSeconds = 60;

/**
 * Splits the shares of a VM that is to be saved, which it can only be without: what its guest is told at boot (mounts that
 * wait for their device), and what it gets by `attachLater`. Pure.
 */
export function planLater(planned: Awaited<ReturnType<typeof planShares>>) {
  const placeOf = (tag: string) => planned.folders.findIndex((folder) => folder.tag === tag);
  const mounts = planned.mounts.map((mount) => ({ ...mount, onlyWith: laterSharePattern(placeOf(mount.tag)) }));
  const shares: VmRecord['laterShares'] = planned.folders.map(({ folder, tag }, place) => {
    const mount = mounts.find((each) => each.tag === tag);
    const unit = mount === undefined ? {} : { unit: mountUnitName(mount.guestPath) };
    return { folder, tag, device: laterSharePattern(place), ...unit };
  });
  return { atBoot: { ...planned, folders: [], mounts }, shares };
}

/**
 * Gives a VM that runs, and answers over ssh, the folders that its record has for later, and mounts them. They stay for all
 * its boots. Without such folders it does nothing.
 *
 * @throws CodedError SHARE_NOT_MOUNTED; CommandError when libvirt does not take one
 */
export async function attachLater(
  guest: GuestAddress,
  folder: string,
  options: { virsh: Virsh; virtiofsd: string | undefined; env: NodeJS.ProcessEnv; signal: AbortSignal },
): Promise<void> {
  const record = readVmRecord(folder);
  if (record === undefined || record.laterShares.length === 0) return;
  await bindReadOnly(record);
  const program = findVirtiofsd(options.virtiofsd, options.env);
  for (const [place, share] of record.laterShares.entries()) {
    const file = join(folder, `share-${place}.xml`);
    writeFileSync(file, laterShareXml(share, place, program));
    const argv = ['attach-device', guest.name, file, '--live', '--config'];
    await options.virsh(argv, `share ${share.folder} with ${guest.name}`);
  }
  using key = writeKeyFile(guest.privateKey);
  const connection = { user: 'root', port: guest.port, keyFile: key.path, strictHostKeys: false, extraOptions: [] };
  const script = record.laterShares
    .filter(({ unit }) => unit !== undefined)
    .map(({ unit, device }) => {
      const appears = `for i in $(seq ${appearSeconds * 5}); do ls -d ${device} >/dev/null 2>&1 && break; sleep 0.2; done`;
      return `${appears}; systemctl start '${unit}' && systemctl is-active --quiet '${unit}'`;
    });
  const argv = sshArguments({ ...connection, connectTimeoutSeconds: 30, logLevel: 'ERROR' }, [script.join(' && ')]);
  try {
    await run(argv, { step: `mount folders in ${guest.name}`, timeoutMs: 300_000, signal: options.signal });
  } catch (cause) {
    options.signal.throwIfAborted();
    throw new CodedError('SHARE_NOT_MOUNTED', `VM ${guest.name} does not mount its folders of the host`, {
      hint: 'add --snapshot=false: they are there from the boot on then',
      cause,
    });
  }
}
