import {
  assertRecordable,
  type ImageReference,
  parseTransport,
  withAbsolutePath,
} from '../deployment/image-reference.ts';
import { parseRegistryName } from '../deployment/registry-name.ts';

/**
 * The image that `bootc switch` is told to follow. Of a path, the absolute one: whoever gives a relative one means the file that it
 * leads to now, while the next upgrade runs in another working directory.
 *
 * @throws CodedError `IMAGE_TRANSPORT_UNKNOWN`, `IMAGE_NAME_INVALID`.
 */
export function parseTarget(target: { transport: string | undefined; name: string }): ImageReference {
  const transport = parseTransport(target.transport ?? 'registry');
  if (transport === 'registry') parseRegistryName(target.name);
  return assertRecordable(withAbsolutePath({ transport, image: target.name }, process.cwd()));
}
