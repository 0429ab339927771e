import { CodedError } from '@workbench/run';

/**
 * The streams that an OCI image is kept as; `sha256:…` is the plain digest of the JSON, of layers that of the
 * uncompressed archive.
 */
export const contentTypes = { manifest: 'ocimanif', config: 'ociconfg', layer: 'ocilayer' } as const;

export type OciStreamKind = keyof typeof contentTypes;

/** The name of a stream, for example `oci-layer-sha256:…`. @throws CodedError `OCI_DIGEST`. */
export function streamName(kind: OciStreamKind, digest: string): string {
  return `oci-${kind}-${checkSha256(digest)}`;
}

/** A digest that is known to be `sha256:` and 64 lower-case hex digits. @throws CodedError `OCI_DIGEST`. */
export function checkSha256(digest: string): string {
  if (/^sha256:[0-9a-f]{64}$/.test(digest)) return digest;
  throw new CodedError('OCI_DIGEST', `${JSON.stringify(digest)} is no sha256 digest`, {
    hint: 'it has to be "sha256:" and 64 hex digits; other hashes are not supported',
  });
}

const tagFolder = 'oci/';
const manifestPrefix = 'oci-manifest-';

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

/** The manifest digest in the name of a stream, or undefined if it is no manifest. */
export function manifestDigestOf(name: string): string | undefined {
  return name.startsWith(manifestPrefix) ? name.slice(manifestPrefix.length) : undefined;
}
