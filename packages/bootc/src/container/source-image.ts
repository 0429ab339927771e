import { readlink, stat } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import type { ImageReference } from '../deployment/image-reference.ts';
import type { ContainerEnvironment } from './containerenv.ts';

/** What is known about the process that wants to install its own image. */
export interface InstallerSurroundings {
  container: ContainerEnvironment | undefined;
  uid: number;
  pid: number;
  /** Owner of `/proc/1`; not 0 when this is not the host's user namespace. */
  initOwner: number;
  /** Process 1 is the host's: its executable is not this container's first process. */
  sharesHostPids: boolean;
}

/** Looks at the running process. */
export async function inspectSurroundings(container: ContainerEnvironment | undefined): Promise<InstallerSurroundings> {
  const [mine, init] = await Promise.all([readNamespace('self'), readNamespace('1')]);
  return {
    container,
    uid: process.getuid?.() ?? -1,
    pid: process.pid,
    initOwner: (await stat('/proc/1')).uid,
    // A container that shares the host's processes still has mounts of its own; one that does not is its own process 1.
    sharesHostPids: init !== undefined && init !== mine,
  };
}

async function readNamespace(pid: string): Promise<string | undefined> {
  return readlink(`/proc/${pid}/ns/mnt`).catch(() => undefined);
}

/**
 * The image of the container that this process runs in, to be installed.
 *
 * @throws CodedError that says which precondition is not met: `SOURCE_REQUIRED` outside a container, `INSTALLER_NOT_ROOT`,
 * `INSTALLER_ROOTLESS`, `INSTALLER_NOT_PODMAN`, `INSTALLER_PID_NAMESPACE`, `INSTALLER_IMAGE_UNKNOWN`.
 */
export function imageOfContainer(surroundings: InstallerSurroundings): ImageReference {
  const { container } = surroundings;
  if (container === undefined) {
    throw new CodedError('SOURCE_REQUIRED', '--source-imgref must be defined when not running in a container', {
      hint: 'set --source-imgref containers-storage:NAME, or run this with: podman run --privileged --pid=host IMAGE …',
    });
  }
  const howToRun =
    'run it with: podman run --rm --privileged --pid=host -v /dev:/dev -v /var/lib/containers:/var/lib/containers';
  if (surroundings.uid !== 0) {
    throw new CodedError('INSTALLER_NOT_ROOT', 'installing needs root in the container', { hint: howToRun });
  }
  if (container.isRootless || surroundings.initOwner !== 0) {
    throw new CodedError('INSTALLER_ROOTLESS', 'installing needs a container that root runs on the host', {
      hint: howToRun,
    });
  }
  if (container.engine !== undefined && !container.engine.startsWith('podman')) {
    throw new CodedError('INSTALLER_NOT_PODMAN', `installing from a container of ${container.engine} is not possible`, {
      hint: 'use podman, or set --source-imgref',
    });
  }
  if (surroundings.pid === 1 || !surroundings.sharesHostPids) {
    throw new CodedError('INSTALLER_PID_NAMESPACE', "installing needs the host's processes (--pid=host)", {
      hint: howToRun,
    });
  }
  if (container.image === undefined) {
    throw new CodedError('INSTALLER_IMAGE_UNKNOWN', 'the container does not know which image it was made of', {
      hint: 'run it with --privileged, or set --source-imgref',
    });
  }
  return { transport: 'containers-storage', image: container.image };
}
