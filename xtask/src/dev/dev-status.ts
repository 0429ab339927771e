import type { BcvkClient } from '../vm/bcvk-client.ts';
import { cellOf, devPlaces, devVmName, openDevSession } from './dev-vm.ts';
import { buildIdIn } from './sync.ts';
import { listSysextVersions, type SysextVersion } from './sysext.ts';

/** The development VM in a few facts. */
export interface DevVmStatus {
  readonly name: string;
  /** libvirt's word; undefined when there is no such VM. */
  readonly state: string | undefined;
  readonly cell: string | undefined;
  readonly image: string | undefined;
  readonly sshPort: number | undefined;
  /** The build of bootc in the guest; undefined when it does not answer or names none. */
  readonly buildId: string | undefined;
  readonly versions: readonly SysextVersion[];
}

/** Looks at the development VM. A guest that does not answer is no error. */
export async function devVmStatus(bcvk: BcvkClient): Promise<DevVmStatus> {
  const vm = await bcvk.inspect(devVmName);
  const versions = await listSysextVersions(devPlaces.sysext);
  return {
    name: devVmName,
    state: vm?.state,
    cell: vm === undefined ? undefined : cellOf(vm),
    image: vm?.image ?? undefined,
    sshPort: vm?.ssh_port ?? undefined,
    buildId: vm?.state === 'running' ? await guestBuild(bcvk) : undefined,
    versions,
  };
}

/** The same as lines for a person. Pure. */
export function describeDevVm(status: DevVmStatus): string[] {
  if (status.state === undefined) return [`there is no VM ${status.name}; just bcvk up makes it`];
  const current = status.versions.find(({ isCurrent }) => isCurrent)?.buildId;
  const build =
    status.buildId === undefined
      ? 'does not answer'
      : `${status.buildId}${status.buildId === current ? ' (current)' : ` (current is ${current ?? 'none'}: just bcvk sync)`}`;
  const rows = [
    ['state', status.state],
    ['cell', status.cell ?? 'unknown'],
    ['image', status.image ?? 'unknown'],
    ['ssh', `port ${status.sshPort ?? '-'}, key target/${status.name}.ssh-key`],
    ['bootc', build],
  ];
  return [status.name, ...rows.map(([name = '', value = '']) => `  ${name.padEnd(6)} ${value}`)];
}

async function guestBuild(bcvk: BcvkClient): Promise<string | undefined> {
  try {
    const session = await openDevSession(bcvk);
    return buildIdIn(
      (await session.script('bootc --version', { step: 'ask for the version', timeoutMs: 30_000 })).stdout,
    );
  } catch {
    return undefined;
  }
}
