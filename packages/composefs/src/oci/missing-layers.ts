import { linkedDigest } from '../repository/links.ts';
import type { Repository } from '../repository/repository.ts';
import { streamName } from './names.ts';

/** Of layers, given by the digest of their archive (`sha256:…`), those that an import would have to read. */
export function listMissingLayers<Layer extends { diffId: string }>(
  repository: Repository,
  layers: readonly Layer[],
): Layer[] {
  return layers.filter(({ diffId }) => linkedDigest(repository, 'streams', streamName('layer', diffId)) === undefined);
}
