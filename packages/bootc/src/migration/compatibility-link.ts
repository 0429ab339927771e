import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeDirectory, replaceSymlink, syncFilesystem } from '@workbench/composefs';
import { physicalRoot } from '../deployment/state-paths.ts';

/**
 * Whether nothing is at `ostree/bootc` of a physical root, where images look for the container storage of bootc. Systems that
 * bootc 1.13 installed have nothing there; once a later version has used its storage on such a system there is a folder with
 * that, which serves as well as the link.
 */
export async function lacksCompatibilityLink(root: string): Promise<boolean> {
  return lstat(join(root, physicalRoot.compatibilityLink)).then(
    () => false,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return true;
      throw error;
    },
  );
}

/**
 * Makes the link that leads images to the container storage, and the folder it leads to. After it resolves, both are on disk;
 * if it throws or power is lost, some of it may be, and the next call makes the rest.
 */
export async function makeCompatibilityLink(root: string): Promise<void> {
  const link = join(root, physicalRoot.compatibilityLink);
  makeDirectory(join(root, physicalRoot.repository, 'bootc'), 0o755);
  makeDirectory(dirname(link), 0o755);
  replaceSymlink(link, physicalRoot.compatibilityLinkTarget, join(root, physicalRoot.repository));
  await syncFilesystem(root);
}
