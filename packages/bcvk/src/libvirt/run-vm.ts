import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { CodedError } from '@workbench/run';
import { lock } from '@workbench/run/flock';
import { scaleDeadline } from '../accel/accel.ts';
import type { Context } from '../context/context.ts';
import { inspectImage } from '../images/podman.ts';
import { checkInstallOptions } from '../to-disk/install-options.ts';
import { findOrInstallBaseDisk } from './base-disk.ts';
import { getDomain } from './domain-info.ts';
import { checkPortsFree } from './ports.ts';
import { removeDomain } from './remove.ts';
import { checkLabels, checkVmName, generateVmName } from './run-options.ts';
import type { RunVmRequest } from './run-vm-request.ts';
import { probeDomain, sshAfterBootMs, waitForSsh } from './ssh-wait.ts';
import { startNewVm } from './start-vm.ts';
import { requireSwtpm } from './swtpm.ts';
import { takeSnapshot } from './take-snapshot.ts';
import { createVirsh, domainState, type Virsh } from './virsh.ts';
import { vmAcceleration } from './vm-acceleration.ts';
import { sweepVmFolders, vmFolder, vmLockFile } from './vm-folder.ts';

/** From power-on to a login, under KVM. */
const sshDeadlineMs = 180_000;

/**
 * Makes a VM of an image and starts it. If this throws, nothing of the VM is left but its logs; the base disk stays, it
 * is good for the next one.
 *
 * @returns the VM's name
 */
export async function runVm(request: RunVmRequest, context: Context): Promise<string> {
  checkLabels(request.labels);
  checkInstallOptions(request.install);
  if (request.secureBootKeys !== undefined && request.firmware !== 'uefi-secure') {
    throw new CodedError('BAD_OPTIONS', `--secure-boot-keys is for --firmware=uefi-secure, not ${request.firmware}`, {
      hint: 'leave out one of the two',
      exitCode: 2,
    });
  }
  if (request.hasTpm) requireSwtpm(context.env);
  const virsh = createVirsh(request.connect);
  const existing = new Set((await virsh(['list', '--all', '--name'], 'list the domains')).stdout.split(/\s+/));
  const image = await inspectImage(request.image);
  const name = request.name ?? generateVmName(image.reference, existing);
  checkVmName(name);
  using _held = await lock(vmLockFile(context.folders.runtime, name), {
    holder: `making VM ${name}`,
    signal: context.signal,
    onWait: (holder) => context.phases.note(`Waiting for process ${holder}`),
  });
  await makeRoomForName(name, request.replace, virsh, context);
  await sweepVmFolders({
    stateFolder: context.folders.state,
    runtimeFolder: context.folders.runtime,
    connect: request.connect ?? null,
    domains: existing,
  });
  await checkPortsFree(request.ports);
  for (const file of Object.values(request.logs)) if (file !== undefined) prepareLogFile(file);

  const baseDisk = await findOrInstallBaseDisk(
    { ...request, image, options: request.install, firmware: request.firmware === 'bios' ? 'bios' : 'uefi' },
    context,
  );
  const folder = vmFolder(context.folders.state, name);
  let wantsSnapshot: boolean;
  try {
    const accel = await vmAcceleration(image, baseDisk, context);
    wantsSnapshot = await startNewVm(name, { request, image, baseDisk, folder, virsh, accel, context });
    context.signal.throwIfAborted();
  } catch (error) {
    await removeDomain(virsh, name, folder).catch(() => undefined);
    throw error;
  }
  if (request.waitForSsh) {
    await waitForVm(name, virsh, context);
    if (wantsSnapshot) await takeSnapshot(name, request.connect, context);
  }
  return name;
}

/** Waits until root can log in to a running VM, showing why not yet. */
export async function waitForVm(name: string, virsh: Virsh, context: Context): Promise<void> {
  await context.phases.run('wait-ssh', `Wait for ssh of ${name}`, async (phase) => {
    const domain = await getDomain(virsh, name);
    const accel = domain.metadata.get('accel') === 'kvm' ? 'kvm' : 'tcg';
    await waitForSsh(name, probeDomain(virsh, domain), {
      deadlineMs: scaleDeadline(sshDeadlineMs, accel),
      afterBootMs: scaleDeadline(sshAfterBootMs, accel),
      onTry: (why, _elapsedMs, lastLine) => phase.update(lastLine === '' ? why : `${why}; console: ${lastLine.trim()}`),
      signal: context.signal,
    });
  });
}

async function makeRoomForName(name: string, replace: boolean, virsh: Virsh, context: Context): Promise<void> {
  if ((await domainState(virsh, name)) === undefined) return;
  if (!replace) {
    throw new CodedError('VM_EXISTS', `VM '${name}' already exists`, { hint: 'use --replace to replace it' });
  }
  context.phases.note(`Replacing VM ${name}`);
  await getDomain(virsh, name);
  await removeDomain(virsh, name, vmFolder(context.folders.state, name));
}

function prepareLogFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '', { flag: 'a' });
}
