import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { z } from 'zod';
import { readOptionalText } from '../storage/optional-file.ts';
import type { ContainerStorage } from './container-storage.ts';

/** By whole name, the ids of the images that bootc itself has stored under it. */
export type ManagedImages = ReadonlyMap<string, readonly string[]>;

const recordName = 'managed-images.json';
const recordSchema = z.strictObject({ version: z.literal(1), images: z.record(z.string(), z.array(z.string())) });

/**
 * The images that bootc has brought into its storage, and may remove again; all others are somebody else's. A record that
 * cannot be read names none: then nothing is removed.
 */
export async function readManagedImages(storage: ContainerStorage): Promise<ManagedImages> {
  const text = await readOptionalText(join(storage.bootcDirectory, recordName));
  if (text === undefined) return new Map();
  try {
    return new Map(Object.entries(recordSchema.parse(JSON.parse(text)).images));
  } catch {
    return new Map();
  }
}

/**
 * Records that an image is bootc's own. Done before it is stored, so that one whose storing was cut short is known, and again
 * when its id is. After it resolves, the record is on disk; if it throws or power is lost, it is as before.
 */
export async function recordManagedImage(storage: ContainerStorage, name: string, id?: string): Promise<void> {
  const images = new Map(await readManagedImages(storage));
  const ids = new Set([...(images.get(name) ?? []), ...(id === undefined ? [] : [id])]);
  images.set(name, [...ids]);
  await writeRecord(storage, images);
}

/** Records that images are no longer bootc's own: somebody wants them, or they are gone. Crashes as {@link recordManagedImage}. */
export async function forgetManagedImages(storage: ContainerStorage, names: readonly string[]): Promise<void> {
  const images = new Map(await readManagedImages(storage));
  if (!names.some((name) => images.delete(name))) return;
  for (const name of names) images.delete(name);
  await writeRecord(storage, images);
}

async function writeRecord(storage: ContainerStorage, images: ManagedImages): Promise<void> {
  const sorted = [...images].sort(([a], [b]) => (a < b ? -1 : 1));
  const record: z.infer<typeof recordSchema> = {
    version: 1,
    images: Object.fromEntries(sorted.map(([name, ids]) => [name, [...ids]])),
  };
  await replaceFile(storage.bootcDirectory, recordName, `${JSON.stringify(record)}\n`);
}
