import { CodedError } from '@workbench/run';

const tagFolder = 'oci/';

/**
 * The reference (below `streams/refs`) that a tag is kept as: one file name, so `%` and `/` in it are encoded.
 *
 * @throws CodedError `OCI_TAG` for a name that is empty or begins with `@`, which would be read as a digest.
 */
export function referenceOfTag(tag: string): string {
  if (tag !== '' && !tag.startsWith('@') && !tag.includes('\0') && tag !== '.' && tag !== '..') {
    return tagFolder + tag.replaceAll('%', '%25').replaceAll('/', '%2F');
  }
  throw new CodedError('OCI_TAG', `${JSON.stringify(tag)} cannot be a tag`, {
    hint: 'a tag must not be empty and must not begin with "@"',
  });
}

/** The tag of a reference, or undefined if the reference is none. */
export function tagOfReference(reference: string): string | undefined {
  if (!reference.startsWith(tagFolder)) return undefined;
  return reference.slice(tagFolder.length).replaceAll(/%2F|%25/g, (code) => (code === '%25' ? '%' : '/'));
}
