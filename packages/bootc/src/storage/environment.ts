import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { findComposefsArgument, parseKernelArguments } from '../boot/kernel-arguments.ts';
import { isDeploymentId } from '../deployment/state-paths.ts';
import { type Mount, mountAt, readMountTable } from './mount-table.ts';
import { pathExists, readOptionalText } from './optional-file.ts';

/** A system that was booted from a composefs deployment. */
export interface BootedHost {
  kind: 'composefs';
  deploymentId: string;
  /** Its `composefs=` was marked with `?`: fs-verity may be missing. */
  isMissingVerityAllowed: boolean;
}

/** Where this program runs. */
export type HostEnvironment = BootedHost | { kind: 'container' | 'ostree' | 'other' };

/** What the mount source of `/` begins with where all that is changed there is gone with the power; the id of the deployment follows. */
export const transientRootSource = 'transient:composefs=';

const rootSources = ['composefs:', transientRootSource];

/** Whether a mount is the root of a deployment. */
export function isRootOf(mount: Mount | undefined, deploymentId: string): boolean {
  return rootSources.some((prefix) => mount?.source === `${prefix}${deploymentId}`);
}

/** Files that a container engine puts into its containers. */
const containerMarkers = ['run/.containerenv', '.dockerenv', 'run/systemd/container'];

/** Whether `root` is the root of a container. */
export async function isContainer(root: string): Promise<boolean> {
  const found = await Promise.all(containerMarkers.map((marker) => pathExists(join(root, marker))));
  return found.includes(true);
}

/**
 * Finds out where this program runs, from the files below a root: `/`, or a folder that stands in for it.
 *
 * @throws CodedError `ROOT_NOT_COMPOSEFS` when the kernel was told of a deployment but `/` is not one.
 */
export async function detectEnvironment(root: string): Promise<HostEnvironment> {
  if (await isContainer(root)) return { kind: 'container' };
  const commandLine = parseKernelArguments((await readOptionalText(join(root, 'proc/cmdline'))) ?? '');
  const argument = findComposefsArgument(commandLine);
  if (argument !== undefined) {
    const source = mountAt(await readMountTable(root), '/')?.source ?? '';
    return {
      kind: 'composefs',
      deploymentId: deploymentOfMountSource(source),
      // Soft reboots do not change the command line; what it allowed for the first deployment holds for the next.
      isMissingVerityAllowed: argument.isMissingVerityAllowed,
    };
  }
  return { kind: (await pathExists(join(root, 'run/ostree-booted'))) ? 'ostree' : 'other' };
}

/**
 * The deployment that the mount source of `/` names. It is believed rather than the kernel command line, which stays the
 * same across a soft reboot.
 *
 * @throws CodedError `ROOT_NOT_COMPOSEFS` when it names none.
 */
export function deploymentOfMountSource(source: string): string {
  const prefix = rootSources.find((candidate) => source.startsWith(candidate)) ?? '';
  const id = source.slice(prefix.length);
  if (prefix !== '' && isDeploymentId(id)) return id;
  throw new CodedError(
    'ROOT_NOT_COMPOSEFS',
    `the kernel command line has composefs=, but / is mounted from ${JSON.stringify(source)}`,
    {
      hint: 'the initramfs did not set up the deployment; see journalctl -b -u bootc-root-setup.service',
    },
  );
}
