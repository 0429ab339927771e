import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { z } from 'zod';
import type { ImageReference } from '../deployment/image-reference.ts';
import { readOptionalText } from '../storage/optional-file.ts';
import { storedNamesOf } from './image-names.ts';

/** Records of the containers/storage library. */
const imagesSchema = z.array(
  z.looseObject({
    id: z.string(),
    names: z.array(z.string()).nullish(),
    digest: z.string().optional(),
    created: z.string().optional(),
  }),
);
const layersSchema = z.array(
  z.looseObject({ 'compressed-diff-digest': z.string().optional(), 'diff-digest': z.string().optional() }),
);

/** An image that container storage has. */
export interface StoredImageRecord {
  /** Hex digest of its configuration. */
  id: string;
  /** Whole names; none once another image took the last one over. */
  names: readonly string[];
  /** Time at which it was stored; ISO 8601. */
  created: string;
}

/**
 * The images of a storage, read from its records: no podman is needed for that, and none of the second that it takes.
 * Empty when there is no storage.
 *
 * @throws CodedError `STORAGE_RECORDS_INVALID`.
 */
export async function listStoredImages(storagePath: string): Promise<StoredImageRecord[]> {
  const records = await readRecords(join(storagePath, 'overlay-images/images.json'), imagesSchema);
  return records.map(({ id, names, created }) => ({ id, names: names ?? [], created: created ?? '' }));
}

/** The image of a storage that a reference means; undefined when it is not there. @throws as {@link listStoredImages}. */
export async function findStoredImage(
  storagePath: string,
  reference: ImageReference,
): Promise<(StoredImageRecord & { name: string }) | undefined> {
  const images = await listStoredImages(storagePath);
  for (const name of storedNamesOf(reference)) {
    const found = images.find((image) => image.names.includes(name));
    if (found !== undefined) return { ...found, name };
  }
  const id = reference.image.replace(/^sha256:/, '');
  const byId = reference.transport === 'containers-storage' ? images.find((image) => image.id === id) : undefined;
  return byId === undefined ? undefined : { ...byId, name: byId.id };
}

/** Digests of the layers that a storage has, as manifests name them. @throws as {@link listStoredImages}. */
export async function listStoredLayers(storagePath: string): Promise<ReadonlySet<string>> {
  const records = await readRecords(join(storagePath, 'overlay-layers/layers.json'), layersSchema);
  return new Set(
    records
      .flatMap((record) => [record['compressed-diff-digest'], record['diff-digest']])
      .filter((digest) => digest !== undefined),
  );
}

async function readRecords<T>(path: string, schema: z.ZodType<T[]>): Promise<T[]> {
  const text = await readOptionalText(path);
  if (text === undefined) return [];
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CodedError('STORAGE_RECORDS_INVALID', `${path} is not what container storage writes`, {
      hint: 'podman --root FOLDER system check --repair may mend it; else remove the folder of the storage',
      cause,
    });
  }
}
