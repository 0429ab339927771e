import { close, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { LayerBuilder } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { lock } from '../syscalls/locks.ts';
import { inlineLimitBytes } from '../tar/split-tar.ts';
import { damagedStorage } from './errors.ts';
import { findImage, findLayers, type LocatedImage } from './find-image.ts';
import type { ImageSource, LayerSource } from './image-source.ts';
import { openLayerFiles } from './layer-files.ts';
import { type LocatedLayer, openStores, type Store } from './store.ts';
import { readTarSplit } from './tar-split.ts';
import { createTransfer, type Transfer } from './transfer.ts';

const closeFile = promisify(close);
const diffIdsSchema = z.looseObject({ rootfs: z.looseObject({ diff_ids: z.array(z.string()) }) });

/**
 * Opens an image of container storage, to be read where it lies: no archive is made of it, and the content of files is
 * shared or linked where the file system can.
 *
 * @param roots where to look, instead of the usual places.
 * @throws CodedError `STORAGE_NOT_FOUND`, `STORAGE_NO_IMAGE`, `STORAGE_DAMAGED`.
 */
export function openStoredImage(name: string, roots?: readonly string[]): ImageSource {
  const stores = openStores(roots);
  const image = findImage(stores, name);
  const manifest = readImageData(image, 'manifest');
  const config = readImageData(image, `sha256:${image.id}`);
  const layers = findLayers(stores, image, readDiffIds(image, config));
  let transfer: Transfer | undefined;
  const transferTo = (repository: Repository): Transfer => {
    transfer ??= createTransfer(repository);
    return transfer;
  };
  return { manifest, config, layers: layers.map((layer) => openStoredLayer(stores, layer, transferTo)) };
}

function openStoredLayer(
  stores: readonly Store[],
  layer: LocatedLayer,
  transferTo: (repository: Repository) => Transfer,
): LayerSource {
  return {
    diffId: layer['diff-digest'] as string,
    sizeBytes: layer['diff-size'] ?? 0,
    async read(repository, builder, { report, signal }) {
      const lockFd = await lockLayers(layer.store, signal);
      try {
        await readLayer(stores, layer, { transfer: transferTo(repository), builder, report, signal });
      } finally {
        if (lockFd !== undefined) closeSync(lockFd);
      }
    },
  };
}

async function readLayer(
  stores: readonly Store[],
  layer: LocatedLayer,
  options: {
    transfer: Transfer;
    builder: LayerBuilder;
    report: (bytes: number) => void;
    signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { transfer, builder, report, signal } = options;
  const files = openLayerFiles(stores, layer);
  for await (const piece of readTarSplit(join(layer.store.root, 'overlay-layers', `${layer.id}.tar-split.gz`))) {
    signal?.throwIfAborted();
    if (piece.kind === 'bytes') {
      builder.addInline(piece.bytes);
      report(piece.bytes.length);
      continue;
    }
    const { path, sizeBytes } = piece;
    if (sizeBytes <= inlineLimitBytes) {
      const { fd } = await files.open(path, sizeBytes);
      try {
        builder.addInline(readFileSync(fd));
      } finally {
        closeSync(fd);
      }
    } else {
      await builder.addObject(sizeBytes, async () => {
        const { fd } = await files.open(path, sizeBytes);
        try {
          return await transfer.store(fd, sizeBytes);
        } finally {
          await closeFile(fd);
        }
      });
    }
    report(sizeBytes);
  }
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
