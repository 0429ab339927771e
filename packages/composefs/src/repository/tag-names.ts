import { CodedError } from '@workbench/run';

const tagFolder = 'oci/';
const longestNameBytes = 255;

/**
 * The reference (below `streams/refs`) that a tag is kept as: one file name, so `%` and `/` in it are encoded.
 *
 * @throws CodedError `OCI_TAG` for a name that is empty, begins with `@`, which would be read as a digest, or is too long.
 */
export function referenceOfTag(tag: string): string {
  if (tag !== '' && !tag.startsWith('@') && !tag.includes('\0') && tag !== '.' && tag !== '..') {
    const name = tag.replaceAll('%', '%25').replaceAll('/', '%2F');
    if (Buffer.byteLength(name) <= longestNameBytes) return tagFolder + name;
    throw new CodedError('OCI_TAG', `the tag ${tag.slice(0, 60)}… is too long`, {
      hint: `give a shorter one: it may have ${longestNameBytes} bytes, of which each "/" and "%" takes three`,
    });
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
