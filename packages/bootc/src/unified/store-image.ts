import { CodedError, CommandError } from '@workbench/run';
import { formatTransportReference, type ImageReference } from '../deployment/image-reference.ts';
import type { ContainerStorage } from './container-storage.ts';
import { fetchLayers } from './fetch-layers.ts';
import { storedNamesOf } from './image-names.ts';
import { forgetManagedImages, readManagedImages, recordManagedImage } from './managed-images.ts';
import { copyIntoStorage, runHostPodman, runPodman } from './podman.ts';
import { type PullOptions, pullImage } from './pull-image.ts';
import { registryAuthEnvironment } from './registry-auth.ts';
import { findStoredImage } from './stored-images.ts';

/** How an image comes into the storage. */
export interface StoreOptions extends PullOptions {
  /** Who wants it there: bootc may remove its own again, never what a person brought. */
  owner: 'bootc' | 'person';
  /** The image whose name it gets, and by which it will be looked for; by default that of the reference. */
  storedAs?: ImageReference | undefined;
}

/** An image that is in the storage of bootc. */
export interface StoredImage {
  id: string;
  /** Whole name. */
  name: string;
}

/**
 * Brings an image into the storage of bootc from wherever it is: a registry, the storage of the host, a layout or an
 * archive. An image of `containers-storage:` that was made in the storage of bootc, and that the host has not, or has older,
 * is taken as it is.
 *
 * After it resolves, the image is there; a loss of power before the next sync of the file system may damage it. If it
 * throws, what was there under the name still is.
 *
 * @throws what `pullImage` throws; CodedError `IMAGE_NOT_STORED`; CommandError of the copying.
 */
export async function storeImage(
  storage: ContainerStorage,
  reference: ImageReference,
  options: StoreOptions,
): Promise<StoredImage> {
  const storedAs = options.storedAs ?? reference;
  const [name] = storedNamesOf(storedAs) as [string, ...string[]];
  const isForBootc = options.owner === 'bootc';
  if (reference.transport === 'containers-storage' && options.storedAs === undefined) {
    const own = await newestOwnImage(storage, reference, options);
    // Whoever made it here wants to keep it.
    if (own !== undefined) return own;
  }
  if (isForBootc) await recordUnlessAPersons(storage, storedAs);
  await bring(storage, { reference, name }, options);
  const stored = await findStoredImage(storage.path, storedAs);
  if (stored === undefined) {
    throw new CodedError('IMAGE_NOT_STORED', `${name} was pulled, but the storage of bootc does not have it`, {
      hint: 'see what it has: bootc image cmd list',
    });
  }
  if (!isForBootc) await forgetManagedImages(storage, { names: [stored.name] });
  return stored;
}

// One that a person had brought stays theirs. The image that is there under the name so far is about to lose it.
async function recordUnlessAPersons(storage: ContainerStorage, reference: ImageReference): Promise<void> {
  const before = await findStoredImage(storage.path, reference);
  const [name] = storedNamesOf(reference) as [string, ...string[]];
  if (before === undefined) await recordManagedImage(storage, name);
  else if ((await readManagedImages(storage)).has(before.name))
    await recordManagedImage(storage, before.name, before.id);
}

async function bring(
  storage: ContainerStorage,
  image: { reference: ImageReference; name: string },
  options: StoreOptions,
): Promise<void> {
  const { reference, name } = image;
  if (reference.transport === 'registry') {
    const [source] = storedNamesOf(reference) as [string, ...string[]];
    const layers = options.layers ?? (await fetchLayers(source, options));
    const id = await pullImage(storage, source, { ...options, layers });
    if (source !== name) await runPodman(storage.path, ['tag', id, name], { step: `name the image ${name}` });
    return;
  }
  await copyIntoStorage(
    storage.path,
    { source: formatTransportReference(reference), name },
    {
      timeoutMs: copyTimeoutMs,
      env: await registryAuthEnvironment(options),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
}

const copyTimeoutMs = 3600 * 1000;

/**
 * The image of that name in the storage of bootc, unless the storage of the host has a newer one of it: then that is meant.
 */
export async function newestOwnImage(
  storage: ContainerStorage,
  reference: ImageReference,
  options: { signal?: AbortSignal | undefined },
): Promise<StoredImage | undefined> {
  const own = await findStoredImage(storage.path, reference);
  if (own === undefined) return undefined;
  const theirs = await inspectHostImage(reference.image, options.signal);
  const isNewest = theirs === undefined || theirs.id === own.id || Date.parse(theirs.created) < Date.parse(own.created);
  return isNewest ? own : undefined;
}

/** An image in the storage of the host, as podman knows it; undefined when it has none of that name. */
export async function inspectHostImage(
  name: string,
  signal?: AbortSignal,
): Promise<{ id: string; created: string } | undefined> {
  try {
    const { stdout } = await runHostPodman(['image', 'inspect', '--format', 'json', name], {
      step: `look for ${name} in the storage of the host`,
      timeoutMs: 120_000,
      ...(signal === undefined ? {} : { signal }),
    });
    const [{ Id, Created }] = JSON.parse(stdout) as [{ Id: string; Created: string }];
    return { id: Id.replace(/^sha256:/, ''), created: Created };
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'exit' && error.commandExitCode === 125) return undefined;
    throw error;
  }
}
