import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { isSystemError } from '../syscalls/libc.ts';
import { damagedStorage } from './errors.ts';
import { storageRoots } from './storage-configuration.ts';

/** The metadata of container storage with the overlay driver, as the containers/storage library keeps it. */
const imageSchema = z.looseObject({
  id: z.string().regex(/^[0-9a-f]{64}$/),
  names: z.array(z.string()).nullish(),
  layer: z.string().optional(),
});

const layerSchema = z.looseObject({
  id: z.string().regex(/^[0-9a-f]+$/),
  parent: z.string().optional(),
  'diff-digest': z.string().optional(),
  'diff-size': z.number().optional(),
  created: z.string().optional(),
});

export type StoredImage = z.infer<typeof imageSchema>;
export type StoredLayerRecord = z.infer<typeof layerSchema>;

/** A place of container storage: that of the user, or an additional, read-only one. */
export interface Store {
  root: string;
  images: StoredImage[];
  /** By id. */
  layers: ReadonlyMap<string, StoredLayerRecord>;
}

/** A layer and the store that has it. */
export interface LocatedLayer extends StoredLayerRecord {
  store: Store;
}

/**
 * Opens all container storage there is, in the order of search.
 *
 * @param roots where to look, instead of where podman does.
 * @throws CodedError `STORAGE_NOT_FOUND` if there is none; `STORAGE_DAMAGED`, `STORAGE_CONFIGURATION_INVALID`.
 */
export function openStores(roots: readonly string[] = rootsOfThisProcess()): Store[] {
  const stores = [...new Set(roots)].filter(isStore).map(readStore);
  if (stores.length > 0) return stores;
  throw new CodedError('STORAGE_NOT_FOUND', `there is no container storage in ${roots.join(', ')}`, {
    hint: 'pull or build an image with podman first, or set CONTAINERS_STORAGE_ROOT',
  });
}

function rootsOfThisProcess(): string[] {
  return storageRoots({ environment: process.env, uid: process.getuid?.() ?? 0, root: '/' });
}

function isStore(root: string): boolean {
  return ['overlay', 'overlay-layers', 'overlay-images'].every((name) => existsSync(join(root, name)));
}

function readStore(root: string): Store {
  const images = readRecords(root, 'overlay-images/images.json', imageSchema);
  // Layers of containers that are running now are kept apart, on some versions those of images as well.
  const layers = ['layers.json', 'volatile-layers.json'].flatMap((name) =>
    readRecords(root, `overlay-layers/${name}`, layerSchema),
  );
  return { root, images, layers: new Map(layers.map((layer) => [layer.id, layer])) };
}

function readRecords<Shape>(root: string, name: string, schema: z.ZodType<Shape>): Shape[] {
  let text: string;
  try {
    text = readFileSync(join(root, name), 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
  try {
    return z.array(schema).parse(JSON.parse(text));
  } catch (error) {
    throw damagedStorage(root, `${name} is not valid`, error);
  }
}
