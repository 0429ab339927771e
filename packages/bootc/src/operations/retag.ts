import { assertRecordable, type ImageReference } from '../deployment/image-reference.ts';
import { parseRegistryName } from '../deployment/registry-name.ts';

/**
 * The same image with another tag. A digest is dropped. A name that is not one of a registry, such as a path, gets the tag after its
 * last colon.
 *
 * @throws CodedError `IMAGE_NAME_INVALID`.
 */
export function withTag<Reference extends ImageReference>(reference: Reference, tag: string): Reference {
  return assertRecordable({ ...reference, image: `${withoutTag(reference.image)}:${tag}` });
}

function withoutTag(image: string): string {
  try {
    return parseRegistryName(image).name;
  } catch {
    const [name] = image.split('@');
    const colon = name!.lastIndexOf(':');
    return colon === -1 ? name! : name!.slice(0, colon);
  }
}
