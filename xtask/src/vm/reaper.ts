import { readFileSync, rmSync } from 'node:fs';
import { run } from '@workbench/run';
import { isAlive, parseOwner } from '../runs/owner.ts';
import { isRunning, listRuns } from '../runs/run-folder.ts';
import type { BcvkClient, BcvkVm } from './bcvk-client.ts';

/** Every VM of a test run has it; `bcvk libvirt rm --label` can remove them by it. */
export const testLabel = 'bootc.test=1';

/** Starts the label that says which process is to remove the VM. A VM that is to stay has none. */
export const ownerLabelStart = 'bootc.owner=';

/** Starts the label that says which process made a VM that is to stay. */
export const launcherLabelStart = 'bootc.launcher=';

/** Where things are looked for. */
export interface ReapOptions {
  bcvk: Pick<BcvkClient, 'list' | 'remove'>;
  /** target/runs */
  runsRoot: string;
  /** Default: the mounts of this process. */
  mountInfo?: string;
}

/**
 * Removes what runs left behind whose process is gone (killed with SIGKILL, or by a crash of the machine): their VMs,
 * mounts below their folders, and work folders. Logs stay. What a living process owns, and what has no owner, is not
 * touched.
 *
 * @returns one line for each thing removed, or that could not be.
 */
export async function reapLeftovers(options: ReapOptions): Promise<string[]> {
  const removed: string[] = [];
  for (const vm of orphans(await options.bcvk.list(testLabel))) {
    removed.push(
      await options.bcvk.remove(vm.name).then(
        () => `VM ${vm.name}`,
        (error: unknown) => `not VM ${vm.name}: ${firstLine(error)}`,
      ),
    );
  }
  const mountInfo = options.mountInfo ?? readFileSync('/proc/self/mountinfo', 'utf8');
  for (const { path, record } of listRuns(options.runsRoot)) {
    if (record.finishedAt !== undefined || isRunning(record)) continue;
    for (const folder of [record.workPath, path]) removed.push(...(await unmountBelow(folder, mountInfo)));
    removed.push(...removeWorkFolder(record.workPath));
  }
  return removed;
}

/** The VMs whose owner is gone. */
export function orphans(vms: readonly BcvkVm[]): BcvkVm[] {
  return vms.filter(({ labels }) => {
    const label = labels.find((text) => text.startsWith(ownerLabelStart));
    if (label === undefined) return false;
    const owner = parseOwner(label.slice(ownerLabelStart.length));
    return owner !== undefined && !isAlive(owner);
  });
}

/** Mount points below a folder in the text of proc_pid_mountinfo(5), innermost first. */
export function mountsBelow(folder: string, mountInfo: string): string[] {
  return mountInfo
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((path) =>
      path.replaceAll(/\\([0-7]{3})/g, (_match, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
    )
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}

async function unmountBelow(folder: string, mountInfo: string): Promise<string[]> {
  const lines: string[] = [];
  for (const path of mountsBelow(folder, mountInfo)) {
    lines.push(
      await run(['umount', path], { step: `unmount ${path}`, timeoutMs: 30_000 }).then(
        () => `mount ${path}`,
        (error: unknown) => `not mount ${path}: ${firstLine(error)}`,
      ),
    );
  }
  return lines;
}

function removeWorkFolder(work: string): string[] {
  if (mountsBelow(work, readFileSync('/proc/self/mountinfo', 'utf8')).length > 0) return [];
  try {
    rmSync(work, { recursive: true });
    return [`folder ${work}`];
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    return [`not folder ${work}: ${firstLine(error)}`];
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
