import { canonicalJson } from '../deployment/canonical-json.ts';
import { displayReference, formatTransportReference, type ImageReference } from '../deployment/image-reference.ts';

/** Name of the record of how a disk was installed, on the physical root. */
export const alephName = '.bootc-aleph.json';

/** How a disk was installed: what stays the same whatever is upgraded later. */
export interface Aleph {
  source: ImageReference;
  target: ImageReference;
  /** `sha256:…` of the manifest. */
  manifestDigest: string;
  labels: Readonly<Record<string, string>>;
  /** `org.opencontainers.image.version` of manifest or configuration. */
  version: string | undefined;
  /** RFC 3339; when the image was made. */
  timestamp: string | undefined;
  /** `uname -r` of the system that installed. */
  kernel: string;
  selinux: 'enabled' | 'disabled' | 'host-disabled' | 'force-target-disabled';
}

/**
 * The text of the record: canonical JSON as bootc's other backend writes it. The source is left out when it is a temporary
 * folder, which means nothing to anyone later; labels when there are none.
 */
export function formatAleph(aleph: Aleph): string {
  const isTemporary = aleph.source.image.startsWith('/tmp/') || aleph.source.image.startsWith('/var/tmp/');
  const source = formatTransportReference(aleph.source);
  return canonicalJson({
    image: isTemporary ? undefined : source,
    digest: aleph.manifestDigest,
    'target-image': displayReference(aleph.target),
    labels: Object.keys(aleph.labels).length === 0 ? undefined : aleph.labels,
    version: aleph.version ?? null,
    timestamp: aleph.timestamp ?? null,
    kernel: aleph.kernel,
    selinux: aleph.selinux,
  });
}
