import { assertRecordable, type ImageReference, parseTransport } from '../deployment/image-reference.ts';
import { parseRegistryName } from '../deployment/registry-name.ts';

/**
 * The image that `bootc switch` is told to follow.
 *
 * @throws CodedError `IMAGE_TRANSPORT_UNKNOWN`, `IMAGE_NAME_INVALID`.
 */
export function parseTarget(target: { transport: string | undefined; name: string }): ImageReference {
  const transport = parseTransport(target.transport ?? 'registry');
  if (transport === 'registry') parseRegistryName(target.name);
  return assertRecordable({ transport, image: target.name });
}
