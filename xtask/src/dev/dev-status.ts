import { workspaceRoot } from '../settings/workspace.ts';
import type { BcvkClient } from '../vm/bcvk-client.ts';
import { checkoutOf, openDevSession, reuseDevSession } from './dev-connection.ts';
import { devPlaces, devVmName } from './dev-places.ts';
import { cellOf } from './dev-vm.ts';
import { buildIdIn } from './sync.ts';
import { listSysextVersions, type SysextVersion } from './sysext.ts';

/** Who asks for a status waits no longer than this for a guest that hangs or boots. */
const answerMs = 15_000;

/** The development VM in a few facts. */
export interface DevVmStatus {
  readonly name: string;
  /** libvirt's word; undefined when there is no such VM. */
  readonly state: string | undefined;
  readonly cell: string | undefined;
  /** The folder whose programs it sees. */
  readonly checkout: string | undefined;
  readonly image: string | undefined;
  readonly sshPort: number | undefined;
  /** The build of bootc in the guest; undefined when it does not answer, names none, or is of another checkout. */
  readonly buildId: string | undefined;
  readonly versions: readonly SysextVersion[];
}

/** Looks at the development VM. A guest that does not answer is no error. */
export async function devVmStatus(bcvk: BcvkClient): Promise<DevVmStatus> {
  const vm = await bcvk.inspect(devVmName);
  const versions = await listSysextVersions(devPlaces.sysext);
  const checkout = vm === undefined ? undefined : checkoutOf(vm);
  const isAsked = vm?.state === 'running' && isOurs(checkout);
  return {
    name: devVmName,
    state: vm?.state,
    cell: vm === undefined ? undefined : cellOf(vm),
    checkout,
    image: vm?.image ?? undefined,
    sshPort: vm?.ssh_port ?? undefined,
    buildId: isAsked ? await guestBuild(bcvk) : undefined,
    versions,
  };
}

/** The same as lines for a person. Pure. */
export function describeDevVm(status: DevVmStatus): string[] {
  if (status.state === undefined) return [`there is no VM ${status.name}; just bcvk up makes it`];
  const rows = [
    ['state', status.state],
    ['cell', status.cell ?? 'unknown'],
    ['image', status.image ?? 'unknown'],
    ['ssh', `port ${status.sshPort ?? '-'}, key target/${status.name}.ssh-key`],
    isOurs(status.checkout) ? ['bootc', describeProgram(status)] : ['of', `the checkout ${status.checkout}`],
  ];
  return [status.name, ...rows.map(([name = '', value = '']) => `  ${name.padEnd(6)} ${value}`)];
}

function describeProgram({ state, buildId, versions }: DevVmStatus): string {
  if (state !== 'running') return 'not running: just bcvk up';
  if (buildId === undefined) return `no answer in ${answerMs / 1000} s`;
  const current = versions.find(({ isCurrent }) => isCurrent)?.buildId;
  return buildId === current ? `${buildId} (current)` : `${buildId} (current is ${current ?? 'none'}: just bcvk sync)`;
}

function isOurs(checkout: string | undefined): boolean {
  return checkout === undefined || checkout === workspaceRoot;
}

async function guestBuild(bcvk: BcvkClient): Promise<string | undefined> {
  try {
    const session = (await reuseDevSession()) ?? (await openDevSession(bcvk));
    const options = { step: 'ask for the version', timeoutMs: answerMs };
    return buildIdIn((await session.script('bootc --version', options)).stdout);
  } catch {
    return undefined;
  }
}
