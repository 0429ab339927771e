import { isAbsolute, resolve } from 'node:path';
import { CodedError } from '@workbench/run';

/** Where an image comes from, as status prints it and as `--transport` takes it. */
export const imageTransports = [
  'registry',
  'oci',
  'oci-archive',
  'docker-archive',
  'docker-daemon',
  'containers-storage',
  'dir',
] as const;
export type ImageTransport = (typeof imageTransports)[number];

/** An image by transport and name, as containers-transports(5) writes them. */
export interface ImageReference {
  transport: ImageTransport;
  image: string;
}

/** How the signature of an image is to be checked on the next pull. */
export type SignatureSource = 'unverified' | 'containerPolicy' | { ostreeRemote: string };

/** What an origin file records: the image, and how far it is trusted. */
export interface OriginReference extends ImageReference {
  signature: SignatureSource;
}

/**
 * The transport of a name on the command line: `registry` may also be called `docker`.
 *
 * @throws CodedError `IMAGE_TRANSPORT_UNKNOWN` for anything else.
 */
export function parseTransport(name: string): ImageTransport {
  if (name === 'docker') return 'registry';
  const transport = imageTransports.find((known) => known === name);
  if (transport !== undefined) return transport;
  throw new CodedError('IMAGE_TRANSPORT_UNKNOWN', `unknown image transport ${JSON.stringify(name)}`, {
    hint: `use one of ${imageTransports.join(', ')}`,
  });
}

/**
 * Reads a reference with its transport: `docker://NAME` (or `registry:NAME`), `containers-storage:NAME`, `oci:PATH`, ….
 *
 * @throws CodedError `IMAGE_REFERENCE_INVALID` when there is no transport, an unknown one, or no name.
 */
export function parseTransportReference(text: string): ImageReference {
  const colon = text.indexOf(':');
  const name = text.slice(0, Math.max(colon, 0));
  const transport = name === 'docker' ? 'registry' : imageTransports.find((known) => known === name);
  let image = text.slice(colon + 1);
  if (name === 'docker') image = image.startsWith('//') ? image.slice(2) : '';
  if (transport === undefined || image === '') {
    throw new CodedError('IMAGE_REFERENCE_INVALID', `${JSON.stringify(text)} is no image reference with a transport`, {
      hint: 'write it as docker://NAME, containers-storage:NAME, oci:PATH, …',
    });
  }
  return { transport, image };
}

// By containers-transports(5). What follows a colon in the name of the others is a tag or a name inside.
const pathTransports: readonly ImageTransport[] = ['oci', 'oci-archive', 'docker-archive', 'dir'];

/** The reference with its path made absolute, if its transport takes one: `directory` is what a relative one begins at. */
export function withAbsolutePath(reference: ImageReference, directory: string): ImageReference {
  const { transport, image } = reference;
  if (!pathTransports.includes(transport) || image === '' || isAbsolute(image)) return reference;
  const [path, inside] = transport === 'dir' ? [image, ''] : splitAt(image, image.indexOf(':'));
  return { ...reference, image: `${resolve(directory, path)}${inside}` };
}

/**
 * Makes sure that an origin file can hold a reference: other programs cut its lines at `;` and `#` and at blanks around the value, so that a
 * system would follow another image than it was told to. A relative path would lead elsewhere with every working directory.
 *
 * @throws CodedError `IMAGE_NAME_INVALID`, `IMAGE_PATH_RELATIVE`.
 */
export function assertRecordable<Reference extends ImageReference>(reference: Reference): Reference {
  const { image, transport } = reference;
  if (image === '' || image.trim() !== image || /[;#\n\r]/.test(image)) {
    throw new CodedError('IMAGE_NAME_INVALID', `${JSON.stringify(image)} cannot be recorded as the image to follow`, {
      hint: 'use a name without ; and #, without line ends, and without blanks around it',
    });
  }
  if (pathTransports.includes(transport) && !isAbsolute(image)) {
    throw new CodedError('IMAGE_PATH_RELATIVE', `${transport}:${image} is a relative path, which leads nowhere later`, {
      hint: 'give the path that it has on the installed system, from / on',
    });
  }
  return reference;
}

/** The reference as skopeo takes it: `docker://NAME`, `oci:PATH`, …. */
export function formatTransportReference(reference: ImageReference): string {
  return reference.transport === 'registry'
    ? `docker://${reference.image}`
    : `${reference.transport}:${reference.image}`;
}

/** The reference as people see it: the name alone for a registry, else `transport:name`. */
export function displayReference(reference: ImageReference): string {
  return reference.transport === 'registry' ? reference.image : formatTransportReference(reference);
}

/**
 * Reads the `container-image-reference` of an origin file: a signature scheme, a colon, a transport reference.
 * All schemes that bootc and ostree have written are understood.
 *
 * @throws CodedError `IMAGE_REFERENCE_INVALID`.
 */
export function parseOriginReference(text: string): OriginReference {
  const [scheme, rest] = cut(text, ':');
  switch (scheme) {
    case 'ostree-unverified-image':
      return { ...parseTransportReference(rest), signature: 'unverified' };
    case 'ostree-unverified-registry':
      return { ...parseTransportReference(`docker://${rest}`), signature: 'unverified' };
    case 'ostree-image-signed':
      return { ...parseTransportReference(rest), signature: 'containerPolicy' };
    case 'ostree-remote-image':
    case 'ostree-remote-registry': {
      const [remote, reference] = cut(rest, ':');
      const whole = scheme === 'ostree-remote-image' ? reference : `docker://${reference}`;
      return { ...parseTransportReference(whole), signature: { ostreeRemote: remote } };
    }
    default:
      throw new CodedError('IMAGE_REFERENCE_INVALID', `${JSON.stringify(text)} is no origin image reference`, {
        hint: 'it begins with a signature scheme, as in ostree-unverified-image:docker://NAME',
      });
  }
}

/** The reference as an origin file holds it; the inverse of parseOriginReference up to the choice of scheme. */
export function formatOriginReference(reference: OriginReference): string {
  const { signature } = reference;
  if (signature === 'unverified') return `ostree-unverified-image:${formatTransportReference(reference)}`;
  if (signature === 'containerPolicy') return `ostree-image-signed:${formatTransportReference(reference)}`;
  return `ostree-remote-image:${signature.ostreeRemote}:${formatTransportReference(reference)}`;
}

function splitAt(text: string, at: number): [string, string] {
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at)];
}

function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
}
