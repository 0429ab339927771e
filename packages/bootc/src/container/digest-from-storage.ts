import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildBootTree, importImage, initRepository, removeTree } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { pathExists } from '../storage/optional-file.ts';
import { digestTree } from './composefs-digest.ts';
import { detectContainer } from './containerenv.ts';

/** Where a container sees the container storage of its host, if it was given it. */
const hostStorage = '/run/host-container-storage';

/**
 * The id that a deployment of an image in container storage has; see `computeRootDigest`, which gives the same for its
 * unpacked root. Without a name it is the image of the container that this runs in. The image is imported into a
 * repository that is gone afterwards.
 *
 * @throws CodedError `STORAGE_NOT_MOUNTED`, `SOURCE_REQUIRED`; what importing throws.
 */
export async function computeStorageDigest(image: string | undefined, dumpfile?: string): Promise<string> {
  const source = image === undefined ? await ownImage() : { name: image, roots: {} };
  // What is in the way of fs-verity here would be in the way of objects without names too, so big files go to /var/tmp.
  const folder = await mkdtemp(join(process.env.TMPDIR ?? '/var/tmp', 'bootc-digest-')).catch(() =>
    mkdtemp(join(tmpdir(), 'bootc-digest-')),
  );
  try {
    await using repository = await initRepository(join(folder, 'repository'), {
      algorithm: 'sha512',
      verity: 'off',
      erofsFormats: { default: 1 },
    });
    const { manifestDigest } = await importImage(repository, `containers-storage:${source.name}`, {
      bootable: false,
      ...source.roots,
    });
    return await digestTree(await buildBootTree(repository, manifestDigest), dumpfile);
  } finally {
    await removeTree(folder);
  }
}

async function ownImage(): Promise<{ name: string; roots: { storageRoots: string[] } }> {
  const container = await detectContainer();
  if (container?.imageId === undefined) {
    throw new CodedError(
      'SOURCE_REQUIRED',
      'which image to look at is unknown: this is no container that knows its own',
      {
        hint: 'name an image, or run this in a privileged container of podman',
      },
    );
  }
  if (!(await pathExists(hostStorage))) {
    throw new CodedError('STORAGE_NOT_MOUNTED', `${hostStorage} must be mounted to compute the digest of this image`, {
      hint: `podman run --privileged -v /var/lib/containers/storage:${hostStorage}:ro …`,
    });
  }
  return { name: container.imageId, roots: { storageRoots: [hostStorage] } };
}
