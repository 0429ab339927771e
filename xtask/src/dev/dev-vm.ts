import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { withBuildFolders } from '../image/build-lock.ts';
import { type Cell, cellSlug, formatCell } from '../matrix/cell.ts';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import type { TestRequest } from '../settings/test-request.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { note, progress, step } from '../steps/step.ts';
import type { BcvkClient, BcvkVm } from '../vm/bcvk-client.ts';
import { ConsoleFollower } from '../vm/console-follower.ts';
import { deadlinesFor } from '../vm/deadlines.ts';
import { GuestMonitor } from '../vm/guest-monitor.ts';
import { bcvkSupportOf } from '../vm/launch-arguments.ts';
import { launchMachine, Machine, type MachineOptions } from '../vm/machine.ts';
import { launcherLabelStart } from '../vm/reaper.ts';
import { systemClock } from '../vm/waits/clock.ts';
import { checkoutLabel, closeDevSession, openDevSession, refuseOtherCheckout, runningDevVm } from './dev-connection.ts';
import { devPlaces, devVmName } from './dev-places.ts';
import type { GuestSession } from './guest-session.ts';
import { rebootGuest } from './reboot.ts';
import { guestFolder, useSysextVersion } from './sync.ts';
import { makeSysextVersion, type SysextVersion } from './sysext.ts';

const devLabel = 'bootc.dev=1';
const cellLabelStart = 'bootc.cell=';

/** What `up` is told. */
export interface UpOptions {
  request: TestRequest;
  bcvk: BcvkClient;
  /** Make the VM anew, also when there is one. */
  replace: boolean;
  signal: AbortSignal;
}

/**
 * Makes sure that the development VM runs, with our program of this moment in it. A VM that is there stays as it is and
 * is synced; one that is stopped is started.
 *
 * @throws CodedError DEV_VM_OTHER_CELL when it is of another cell than the settings say; DEV_VM_OTHER_CHECKOUT; LaunchError;
 * GuestDeath.
 */
export async function upDevVm(options: UpOptions): Promise<SysextVersion> {
  const { bcvk, signal, request } = options;
  const present = await bcvk.inspect(devVmName, signal);
  if (present !== undefined) {
    refuseOtherCheckout(present);
    if (!options.replace) refuseOtherCell(present, request.cell);
  }
  const version = await buildSysext(signal);
  if (present === undefined || options.replace) await makeDevVm(options, present);
  else {
    if (present.state === 'running') note(`${devVmName} runs already`);
    else await startDevVm(options);
  }
  const session = await openDevSession(bcvk);
  await step('sync', () => useSysextVersion(session, version, { folder: devPlaces.sysext, signal }));
  return version;
}

/** Builds the guest program and makes it a version of the extension. */
export function buildSysext(signal: AbortSignal): Promise<SysextVersion> {
  const build = async (): Promise<SysextVersion> => {
    await run([process.execPath, 'packages/bootc/bundle.ts'], {
      step: 'bundle the program for the guest',
      cwd: workspaceRoot,
      signal,
    });
    const rootfs = join(workspaceRoot, 'packages/bootc/rootfs');
    return makeSysextVersion({ folder: devPlaces.sysext, guest: devPlaces.guest, rootfs });
  };
  return step('build', () => withBuildFolders('build of the program', build, { signal }));
}

/** Reboots the development VM and waits for it, as `rebootGuest` does. */
export async function rebootDevVm(options: {
  bcvk: BcvkClient;
  session: GuestSession;
  timeouts: TestRequest['timeouts'];
  signal: AbortSignal;
}): Promise<string> {
  const { bcvk, session, signal, timeouts } = options;
  await clearLogs();
  const { accel } = await bcvk.hostStatus();
  await using monitor = new GuestMonitor({
    name: devVmName,
    console: new ConsoleFollower(devPlaces.logs),
    domain: (abort) => bcvk.domain(devVmName, abort),
    clock: systemClock,
  });
  const { bootMs } = deadlinesFor(accel, timeouts);
  return await rebootGuest({ session, monitor, deadlineMs: bootMs, clock: systemClock, signal });
}

/**
 * Removes the development VM with its disk and key. Its logs and the versions of the extension stay.
 *
 * @returns whether there was one.
 * @throws CodedError DEV_VM_OTHER_CHECKOUT.
 */
export async function removeDevVm(bcvk: BcvkClient): Promise<boolean> {
  const vm = await bcvk.inspect(devVmName);
  if (vm !== undefined) refuseOtherCheckout(vm);
  await closeDevSession();
  if (vm === undefined) return false;
  await bcvk.remove(devVmName);
  return true;
}

/**
 * The development VM, to run plans in. Its image is the one that it was made of, whatever the request says.
 *
 * @throws CodedError DEV_VM_MISSING, DEV_VM_STOPPED, DEV_VM_OTHER_CHECKOUT; DEV_VM_OTHER_CELL when it is of another cell than the
 * settings say; GuestDeath.
 */
export async function attachDevVm(options: Omit<UpOptions, 'replace'>): Promise<Machine> {
  const vm = await runningDevVm(options.bcvk);
  refuseOtherCell(vm, options.request.cell);
  const made = await optionsFor(options);
  const machine = new Machine({ ...made, image: vm.image ?? made.image });
  try {
    await machine.waitForSsh(progress);
    return machine;
  } catch (error) {
    await machine[Symbol.asyncDispose]();
    throw error;
  }
}

/** The cell that a VM was made for, as one word; undefined when it does not say. */
export function cellOf(vm: BcvkVm): string | undefined {
  return vm.labels.find((label) => label.startsWith(cellLabelStart))?.slice(cellLabelStart.length);
}

function refuseOtherCell(vm: BcvkVm, cell: Cell): void {
  const made = cellOf(vm);
  if (made === undefined || made === cellSlug(cell)) return;
  throw new CodedError(
    'DEV_VM_OTHER_CELL',
    `${devVmName} is of cell ${made}, and the settings say ${formatCell(cell)}`,
    {
      hint: '--replace makes it anew; `just bcvk sync` works on the one that is there',
    },
  );
}

async function makeDevVm(options: UpOptions, present: BcvkVm | undefined): Promise<void> {
  const { bcvk, request } = options;
  if (present !== undefined) await step(`remove ${devVmName}`, () => removeDevVm(bcvk));
  await clearLogs();
  const machineOptions = await optionsFor(options);
  await using machine = await step(`install and start ${devVmName} of ${request.image}`, () =>
    launchMachine(machineOptions),
  );
  await step('boot', () => machine.waitForSsh(progress));
}

async function startDevVm(options: UpOptions): Promise<void> {
  await clearLogs();
  await step(`start ${devVmName}`, () => options.bcvk.start(devVmName));
  await using machine = new Machine(await optionsFor(options));
  await step('boot', () => machine.waitForSsh(progress));
}

/** The console of an earlier boot would tell of that one's death. */
async function clearLogs(): Promise<void> {
  mkdirSync(devPlaces.logs, { recursive: true });
  for (const name of ['console.log', 'platform-console.log']) await writeFile(join(devPlaces.logs, name), '');
}

async function optionsFor({ bcvk, request, signal }: Omit<UpOptions, 'replace'>): Promise<MachineOptions> {
  const [status, help] = await Promise.all([bcvk.hostStatus(), bcvk.runHelp()]);
  return {
    name: devVmName,
    image: request.image,
    labels: [
      devLabel,
      checkoutLabel(),
      `${cellLabelStart}${cellSlug(request.cell)}`,
      `${launcherLabelStart}${formatOwner(ownerOf())}`,
    ],
    bcvkOptions: [...request.bcvkOptions, `--bind-ro=${devPlaces.sysext}:${guestFolder}`],
    bindStorage: true,
    snapshot: false,
    logFolder: devPlaces.logs,
    bcvk: bcvk.withLog(join(devPlaces.logs, 'commands.log')),
    support: bcvkSupportOf(help),
    accel: status.accel ?? (bcvk.program.kind === 'system' ? 'kvm' : undefined),
    timeouts: request.timeouts,
    clock: systemClock,
    keyFile: devPlaces.keyFile,
    atEnd: 'keep',
    signal,
    onLine: progress,
  };
}
