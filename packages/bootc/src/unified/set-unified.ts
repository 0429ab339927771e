import { CodedError } from '@workbench/run';
import { displayReference, type ImageReference } from '../deployment/image-reference.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { buildRootModel } from '../storage/root-model.ts';
import type { ContainerStorage } from './container-storage.ts';
import { createPullDisplay } from './pull-display.ts';
import { shareContent } from './share-content.ts';
import { recordSharedLayers } from './shared-layers.ts';
import { changeContainerStorage, warn } from './storage-session.ts';
import { inspectHostImage, type StoredImage, storeImage } from './store-image.ts';
import { findStoredImage } from './stored-images.ts';
import { summarizeMerge } from './transfer-summary.ts';

/**
 * `bootc image set-unified`: brings the image that the system follows into its container storage, from the storage of the
 * host if that has it, and makes one of what the repository has of it already. From then on upgrades go through it.
 *
 * @throws CodedError `NO_IMAGE_SPECIFIED`; what `storeImage` throws.
 */
export async function runSetUnified(): Promise<void> {
  await changeContainerStorage(async ({ booted, storage }) => {
    const { staged, booted: running } = deploymentRoles(await buildRootModel(booted));
    const reference = staged?.reference ?? running.reference;
    if (reference === undefined) {
      throw new CodedError('NO_IMAGE_SPECIFIED', 'No image source specified', { hint: 'bootc switch IMAGE' });
    }
    const shown = displayReference(reference);
    const present = await findStoredImage(storage.path, reference);
    const image = present ?? (await storeFollowed(storage, reference));
    // Also where it was there: a call that was stopped may have come no further.
    const shared = await shareContent(await booted.openRepository(), { storage, image }, { warn });
    if (shared !== undefined) {
      await recordSharedLayers(storage, shared.shared);
      process.stdout.write(`${summarizeMerge(shared.counters, shared.method)}\n`);
    }
    if (present !== undefined) {
      process.stdout.write(`Image ${shown} is already in bootc storage.\n`);
      return;
    }
    await writeJournal({
      messageId: journalMessages.setUnified,
      message: `Unified storage enabled for ${shown}`,
      priority: 6,
    });
    process.stdout.write(`Unified storage enabled for ${shown}.\n`);
  });
}

async function storeFollowed(storage: ContainerStorage, reference: ImageReference): Promise<StoredImage> {
  const isOnHost = (await inspectHostImage(reference.image)) !== undefined;
  return await store(storage, isOnHost ? { ...reference, transport: 'containers-storage' } : reference, 'bootc');
}

/**
 * `bootc image pull-from-default-storage`: copies an image of the storage of the host, where it then stays until somebody
 * removes it.
 *
 * @throws CodedError `IMAGE_NOT_ON_HOST`; what `storeImage` throws.
 */
export async function runPullFromDefaultStorage(image: string): Promise<void> {
  // Before anything is opened, so that no storage is made for an image that is not there.
  if ((await inspectHostImage(image)) === undefined) {
    throw new CodedError('IMAGE_NOT_ON_HOST', `the default container storage has no image ${image}`, {
      hint: 'podman images lists what it has',
    });
  }
  await changeContainerStorage(async ({ storage }) => {
    const { id } = await store(storage, { transport: 'containers-storage', image }, 'person');
    process.stdout.write(`${id}\n`);
  });
}

/** `bootc image cmd pull`: pulls images, which then stay until somebody removes them; prints their ids. */
export async function runPullByHand(images: readonly string[]): Promise<void> {
  await changeContainerStorage(async ({ storage }) => {
    for (const image of images) {
      const { id } = await store(storage, { transport: 'registry', image }, 'person');
      process.stdout.write(`${id}\n`);
    }
  });
}

async function store(
  storage: ContainerStorage,
  reference: ImageReference,
  owner: 'bootc' | 'person',
): Promise<StoredImage> {
  const display = createPullDisplay({
    write: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    now: () => performance.now(),
  });
  try {
    return await storeImage(storage, reference, {
      root: '/',
      owner,
      onProgress: (progress) => display.show(progress),
      onRetry: warn,
    });
  } finally {
    display.end();
  }
}
