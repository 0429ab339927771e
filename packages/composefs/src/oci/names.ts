import { CodedError } from '@workbench/run';

/**
 * The streams that an OCI image is kept as; `sha256:…` is the plain digest of the JSON, of layers that of the
 * uncompressed archive.
 */
export const contentTypes = { manifest: 'ocimanif', config: 'ociconfg', layer: 'ocilayer' } as const;

/** The stream of a layer of an artifact that is no archive; its name is that of a layer. */
export const blobContentType = 'oci_blob';

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

const manifestPrefix = 'oci-manifest-';

/** The manifest digest in the name of a stream, or undefined if it is no manifest. */
export function manifestDigestOf(name: string): string | undefined {
  return name.startsWith(manifestPrefix) ? name.slice(manifestPrefix.length) : undefined;
}
