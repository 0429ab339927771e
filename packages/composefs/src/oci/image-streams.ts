import type { Repository } from '../repository/repository.ts';
import { storeObject } from '../repository/store-object.ts';
import { createSplitStreamWriter } from '../splitstream/writer.ts';
import { contentTypes } from './names.ts';

/**
 * Stores a JSON document as a stream: the document is one object, beside named references in their order. It has no
 * name yet.
 *
 * @returns the digest of the stream.
 */
export async function storeJsonStream(
  repository: Repository,
  kind: 'manifest' | 'config',
  json: Uint8Array,
  references: Iterable<readonly [name: string, digest: string]>,
): Promise<string> {
  const writer = createSplitStreamWriter(repository.algorithm, contentTypes[kind]);
  for (const [name, digest] of references) writer.addNamedReference(name, digest);
  await writer.writeObject((await storeObject(repository, json)).digest, json.length);
  return (await storeObject(repository, await writer.finish())).digest;
}
