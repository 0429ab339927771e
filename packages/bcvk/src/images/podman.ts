import { CodedError, CommandError, run } from '@workbench/run';
import { z } from 'zod';

const imageInspect = z.array(
  z.object({
    Id: z.string(),
    Digest: z.string(),
    Size: z.number(),
    Created: z.string().optional(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);

/** What podman knows of one local image. */
export interface ImageFacts {
  /** The name as it was asked for, without `containers-storage:`. */
  reference: string;
  id: string;
  /** Digest of the manifest, `sha256:…`. */
  digest: string;
  sizeBytes: number;
}

/** The name that podman takes: some tools write the transport `containers-storage:` before it. */
export function stripTransport(reference: string): string {
  return reference.replace(/^containers-storage:/, '');
}

/**
 * Asks podman for one local image.
 *
 * @throws CodedError IMAGE_NOT_FOUND if there is no such image here; nothing is ever pulled.
 */
export async function inspectImage(reference: string): Promise<ImageFacts> {
  const name = stripTransport(reference);
  try {
    const { stdout } = await run(['podman', 'image', 'inspect', '--', name], { step: `look at image ${name}` });
    const image = imageInspect.parse(JSON.parse(stdout))[0]!;
    return { reference: name, id: image.Id, digest: image.Digest, sizeBytes: image.Size };
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure !== 'exit') throw error;
    throw new CodedError('IMAGE_NOT_FOUND', `there is no local image ${name}`, {
      hint: `build it, or: podman pull ${name}`,
      cause: error,
    });
  }
}

/**
 * Mounts the file system of a local image read-only and gives its folder. podman counts mounts: each call needs one
 * {@link unmountImage}.
 */
export async function mountImage(imageId: string): Promise<string> {
  const { stdout } = await run(['podman', 'image', 'mount', imageId], { step: 'mount the image' });
  return stdout.trim();
}

/** Gives back one mount of {@link mountImage}; an image or mount that is gone already is no error. */
export async function unmountImage(imageId: string): Promise<void> {
  await run(['podman', 'image', 'unmount', imageId], { step: 'unmount the image', okExitCodes: [1, 125] });
}

const storageInfo = z.object({ store: z.object({ graphRoot: z.string() }) });

/** Folder of podman's storage, for example `/var/lib/containers/storage`. */
export async function findContainerStorage(): Promise<string> {
  const { stdout } = await run(['podman', 'info', '--format', 'json'], { step: "find podman's storage" });
  return storageInfo.parse(JSON.parse(stdout)).store.graphRoot;
}

const imageList = z.array(
  z.object({
    Id: z.string(),
    Names: z.array(z.string()).nullish(),
    Size: z.number(),
    CreatedAt: z.string().optional(),
    Labels: z.record(z.string(), z.string()).nullish(),
  }),
);

/** One row of `images list`, with the field names of podman's JSON. */
export interface ImageListEntry {
  Names: string[] | null;
  Id: string;
  Size: number;
  CreatedAt: string | null;
}

/** Local images that say they are bootable containers (label `containers.bootc`), newest first as podman lists them. */
export async function listBootcImages(): Promise<ImageListEntry[]> {
  const { stdout } = await run(['podman', 'images', '--format', 'json', '--filter', 'label=containers.bootc=1'], {
    step: 'list the images',
  });
  // podman prints an image with two names twice, each time with both.
  const byId = new Map(imageList.parse(JSON.parse(stdout)).map((image) => [image.Id, image]));
  return [...byId.values()].map((image) => ({
    Names: image.Names ?? null,
    Id: image.Id,
    Size: image.Size,
    CreatedAt: image.CreatedAt ?? null,
  }));
}
