import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { LayerBuilder, Stored } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { lock } from '../syscalls/locks.ts';
import { inlineLimitBytes } from '../tar/split-tar.ts';
import { createCrc64 } from './crc64.ts';
import { damagedStorage } from './errors.ts';
import { findImage, findLayers, type LocatedImage } from './find-image.ts';
import type { ImageSource, LayerSource } from './image-source.ts';
import { findLayerFolders, openLayerFile } from './layer-files.ts';
import type { FileRequest, LayerStore } from './layer-store.ts';
import { type LinkableCopy, mergeLinkableCopies } from './merge-copies.ts';
import { type LocatedLayer, openStores, type Store } from './store.ts';
import { readTarSplit } from './tar-split.ts';
import { createTransfer, type Transfer } from './transfer.ts';

// So that the threads have something to do while the last, large file of a layer is stored.
const parallelLayers = 2;

const diffIdsSchema = z.looseObject({ rootfs: z.looseObject({ diff_ids: z.array(z.string()) }) });

/** How an image of container storage is opened. */
export interface StoredImageOptions {
  /** Where to look, instead of the usual places. */
  storageRoots?: readonly string[];
  /** What the repository has already becomes one with the copy in container storage. */
  mergesCopies?: boolean;
}

/**
 * Opens an image of container storage, to be read where it lies: no archive is made of it, and the content of files is
 * shared or linked where the file system can.
 *
 * @throws CodedError `STORAGE_NOT_FOUND`, `STORAGE_NO_IMAGE`, `STORAGE_DAMAGED`.
 */
export function openStoredImage(name: string, options: StoredImageOptions = {}): ImageSource {
  const stores = openStores(options.storageRoots);
  const image = findImage(stores, name);
  const manifest = readImageData(image, 'manifest');
  const config = readImageData(image, `sha256:${image.id}`);
  const layers = findLayers(stores, image, readDiffIds(image, config));
  let transfer: Transfer | undefined;
  const transferTo = (repository: Repository): Transfer => {
    transfer ??= createTransfer(repository, { methods: new Map(), mergesCopies: options.mergesCopies === true });
    return transfer;
  };
  const linkable: LinkableCopy[] = [];
  return {
    manifest,
    config,
    layers: layers.map((layer) => openStoredLayer(stores, layer, { transferTo, linkable })),
    parallelLayers,
    transferMethod: () => transfer?.choices.methods.values().next().value,
    mergeLinkable: (repository, counters) => mergeLinkableCopies(repository, linkable.splice(0), counters),
  };
}

function openStoredLayer(
  stores: readonly Store[],
  layer: LocatedLayer,
  image: { transferTo: (repository: Repository) => Transfer; linkable: LinkableCopy[] },
): LayerSource {
  return {
    diffId: layer['diff-digest'] as string,
    storageKey: `${layer.id} ${layer.created ?? ''}`.trimEnd(),
    sizeBytes: layer['diff-size'] ?? 0,
    async read(repository, builder, { report, signal, store }) {
      const lockFd = await lockLayers(layer.store, signal);
      try {
        const { linkable } = image;
        await readLayer(stores, layer, {
          transfer: image.transferTo(repository),
          linkable,
          builder,
          report,
          signal,
          store,
        });
      } finally {
        if (lockFd !== undefined) closeSync(lockFd);
      }
    },
  };
}

interface ReadOptions {
  transfer: Transfer;
  linkable: LinkableCopy[];
  builder: LayerBuilder;
  report: (bytes: number) => void;
  signal: AbortSignal | undefined;
  store: LayerStore | undefined;
}

async function readLayer(stores: readonly Store[], layer: LocatedLayer, options: ReadOptions): Promise<void> {
  const { builder, report, signal } = options;
  const folders = findLayerFolders(stores, layer);
  // The first one of all is stored here and now, which decides how all others are.
  let isDecided = options.transfer.choices.methods.size > 0;
  for await (const piece of readTarSplit(join(layer.store.root, 'overlay-layers', `${layer.id}.tar-split.gz`))) {
    signal?.throwIfAborted();
    if (piece.kind === 'bytes') {
      builder.addInline(piece.bytes);
      report(piece.bytes.length);
      continue;
    }
    const file = { folders, path: piece.path, sizeBytes: piece.sizeBytes, checksum: piece.checksum };
    if (file.sizeBytes <= inlineLimitBytes) builder.addInline(readSmallFile(file));
    else {
      await addFile(file, isDecided ? options : { ...options, store: undefined });
      if (!isDecided) await builder.settle();
      isDecided = true;
    }
    report(file.sizeBytes);
  }
  options.store?.flush();
  // The layer is locked only as long as this runs.
  await builder.settle();
}

function readSmallFile({ folders, path, sizeBytes, checksum }: FileRequest): Buffer {
  const file = openLayerFile(folders, path, sizeBytes);
  try {
    const content = readFileSync(file.fd);
    const crc = createCrc64();
    crc.update(content);
    if (content.length === sizeBytes && (checksum === undefined || crc.digest().equals(checksum))) return content;
    throw damagedStorage(`${folders[0]}/${Buffer.from(path)}`, 'a file has not the content that its layer has');
  } finally {
    closeSync(file.fd);
  }
}

async function addFile(file: FileRequest, { builder, transfer, linkable, store }: ReadOptions): Promise<void> {
  const { folders, path, sizeBytes, checksum } = file;
  const noteLinkable = (stored: Stored): Stored => {
    if (stored.copy === 'linkable') linkable.push({ file, digest: stored.object.digest });
    return stored;
  };
  if (store !== undefined) {
    const { result } = await store.storeFile(file, transfer.choices);
    builder.addStoring(sizeBytes, result.then(noteLinkable));
    return;
  }
  await builder.addObject(sizeBytes, async () => {
    const opened = openLayerFile(folders, path, sizeBytes);
    try {
      return noteLinkable(await transfer.store({ ...opened, checksum }));
    } finally {
      closeSync(opened.fd);
    }
  });
}

// Keeps podman from removing the layer meanwhile. Storage that may only be read, such as that of a host shared with a
// virtual machine, cannot be locked from here: then whoever shares it keeps it.
async function lockLayers(store: Store, signal: AbortSignal | undefined): Promise<number | undefined> {
  let fd: number;
  try {
    fd = openSync(join(store.root, 'overlay-layers/layers.lock'), constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    if (isSystemError(error, 'EROFS', 'EACCES', 'EPERM')) return undefined;
    throw error;
  }
  try {
    await lock(fd, 'shared', signal);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function readImageData(image: LocatedImage, key: string): Buffer {
  const folder = join(image.store.root, 'overlay-images', image.id);
  // Keys that are no plain file names are stored in base64.
  const name = key === 'manifest' ? key : `=${Buffer.from(key).toString('base64')}`;
  try {
    return readFileSync(join(folder, name));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT')) throw error;
    throw damagedStorage(image.store.root, `the ${key} of the image ${image.id} is missing`);
  }
}

function readDiffIds(image: LocatedImage, config: Buffer): string[] {
  try {
    return diffIdsSchema.parse(JSON.parse(config.toString())).rootfs.diff_ids;
  } catch (error) {
    throw damagedStorage(image.store.root, `the configuration of the image ${image.id} is not valid`, error);
  }
}
