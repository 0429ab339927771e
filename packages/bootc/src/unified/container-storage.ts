import { existsSync, lstatSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeDirectory, removeTree, renameNoReplace, replaceSymlink, syncFilesystem } from '@workbench/composefs';
import { physicalRoot } from '../deployment/state-paths.ts';
import { runPodman } from './podman.ts';

/** The container storage that bootc owns: podman's format, on the physical root beside the repository. */
export interface ContainerStorage {
  /** Its folder. */
  path: string;
  /** The folder that it is in, with what bootc keeps about it. */
  bootcDirectory: string;
}

/** Opens the storage of a physical root; undefined when there is none, which is not made then. */
export function openContainerStorage(root: string): ContainerStorage | undefined {
  const path = storagePath(root);
  return existsSync(join(path, 'overlay-images')) ? { path, bootcDirectory: dirname(path) } : undefined;
}

/**
 * Opens the storage of a physical root, and makes it first when there is none. After it resolves, it is there, empty and
 * on disk; if it throws or power is lost, there is none, and the next call begins anew.
 *
 * @param options.warn is told when there is something in the way of the link by which images find the storage.
 * @throws CodedError `PODMAN_MISSING`; CommandError.
 */
export async function createContainerStorage(
  root: string,
  options: { warn(line: string): void; signal?: AbortSignal },
): Promise<ContainerStorage> {
  linkForImages(root, options.warn);
  const present = openContainerStorage(root);
  if (present !== undefined) return present;
  const path = storagePath(root);
  const bootcDirectory = dirname(path);
  makeDirectory(bootcDirectory, 0o755);
  const temporary = join(bootcDirectory, 'storage.tmp');
  await removeTree(temporary);
  makeDirectory(temporary, 0o700);
  await runPodman(temporary, ['images', '--quiet'], {
    step: 'make the storage of images',
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  await syncFilesystem(temporary);
  await renameNoReplace(bootcDirectory, 'storage.tmp', 'storage');
  return { path, bootcDirectory };
}

// On a system that was ostree's once, the storage may be where ostree had it.
function storagePath(root: string): string {
  const link = join(root, physicalRoot.compatibilityLink);
  const found = lstatSync(link, { throwIfNoEntry: false });
  return found?.isDirectory() === true ? join(link, 'storage') : join(root, physicalRoot.containersStorage);
}

/**
 * Makes the link that `/usr/lib/bootc/storage` of every image goes through. Whatever else is in its place stays.
 */
function linkForImages(root: string, warn: (line: string) => void): void {
  const path = join(root, physicalRoot.compatibilityLink);
  makeDirectory(dirname(path), 0o755);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) replaceSymlink(path, physicalRoot.compatibilityLinkTarget, dirname(path));
  else if (!found.isSymbolicLink()) warn(`${path} is no link to ${physicalRoot.compatibilityLinkTarget}; it stays`);
}
