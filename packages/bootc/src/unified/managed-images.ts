import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { z } from 'zod';
import { readOptionalText } from '../storage/optional-file.ts';
import type { ContainerStorage } from './container-storage.ts';

/** By whole name of the images that bootc itself has stored, the ids of those that had the name before. */
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
 * Records that the image of a name is bootc's own. Done before it is stored, so that one whose storing was cut short is
 * known. After it resolves, the record is on disk; if it throws or power is lost, it is as before.
 *
 * @param formerId of the image that has the name now, and is about to lose it.
 */
export async function recordManagedImage(storage: ContainerStorage, name: string, formerId?: string): Promise<void> {
  const images = new Map(await readManagedImages(storage));
  const ids = new Set([...(images.get(name) ?? []), ...(formerId === undefined ? [] : [formerId])]);
  if (images.get(name)?.length === ids.size) return;
  images.set(name, [...ids]);
  await writeRecord(storage, images);
}

/**
 * Records that images are no longer bootc's own: somebody wants them, or they are gone. Crashes as {@link recordManagedImage}.
 */
export async function forgetManagedImages(
  storage: ContainerStorage,
  gone: { names: readonly string[]; ids?: readonly string[] },
): Promise<void> {
  const before = await readManagedImages(storage);
  const kept = [...before]
    .filter(([name]) => !gone.names.includes(name))
    .map(([name, ids]) => [name, ids.filter((id) => gone.ids?.includes(id) !== true)] as const);
  const count = (images: Iterable<readonly [string, readonly string[]]>): number =>
    [...images].reduce((sum, [, ids]) => sum + 1 + ids.length, 0);
  if (count(kept) !== count(before)) await writeRecord(storage, new Map(kept));
}

async function writeRecord(storage: ContainerStorage, images: ManagedImages): Promise<void> {
  const sorted = [...images].sort(([a], [b]) => (a < b ? -1 : 1));
  const record: z.infer<typeof recordSchema> = {
    version: 1,
    images: Object.fromEntries(sorted.map(([name, ids]) => [name, [...ids]])),
  };
  await replaceFile(storage.bootcDirectory, recordName, `${JSON.stringify(record)}\n`);
}
