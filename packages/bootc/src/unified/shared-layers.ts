import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { z } from 'zod';
import { readOptionalText } from '../storage/optional-file.ts';
import type { ContainerStorage } from './container-storage.ts';

const recordName = 'shared-layers.json';
const recordSchema = z.strictObject({ version: z.literal(1), layers: z.array(z.string()) });

/**
 * Keys of the layers in container storage that share all they can with the repository, as `mergeStoredImage` gives them: of
 * the last image that came by way of it, of which the next one will have most. It spares looking at them again, and nothing
 * else depends on it; a record that cannot be read has none.
 */
export async function readSharedLayers(storage: ContainerStorage): Promise<ReadonlySet<string>> {
  const text = await readOptionalText(join(storage.bootcDirectory, recordName));
  if (text === undefined) return new Set();
  try {
    return new Set(recordSchema.parse(JSON.parse(text)).layers);
  } catch {
    return new Set();
  }
}

/** Replaces the record. After it resolves, that is on disk; if it throws or power is lost, the record is as before. */
export async function recordSharedLayers(storage: ContainerStorage, layers: readonly string[]): Promise<void> {
  const before = await readSharedLayers(storage);
  if (before.size === layers.length && layers.every((key) => before.has(key))) return;
  const record: z.infer<typeof recordSchema> = { version: 1, layers: [...layers] };
  await replaceFile(storage.bootcDirectory, recordName, `${JSON.stringify(record)}\n`);
}
