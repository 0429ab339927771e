import { hash } from 'node:crypto';
import type { ImageReference } from '../deployment/image-reference.ts';
import { parseRegistryName } from '../deployment/registry-name.ts';

/**
 * The names under which container storage may have an image, the likeliest first: whole, with registry and tag, as podman
 * lists them. A name without a registry is one of this machine, or of Docker Hub.
 *
 * Images of other transports (`oci:`, `dir:`, archives) have no name of their own there; bootc gives them one that follows
 * from the reference.
 */
export function storedNamesOf(reference: ImageReference): string[] {
  const { transport, image } = reference;
  if (transport === 'registry') return wholeNames(image, ['docker.io', 'localhost']);
  // The store that the image is in may be named before it: containers-transports(5).
  if (transport === 'containers-storage')
    return wholeNames(image.replace(/^\[[^\]]*\]/, ''), ['localhost', 'docker.io']);
  return [`localhost/bootc-${transport}-${hash('sha256', image, 'hex').slice(0, 16)}:latest`];
}

/** Whether a name as container storage has it is one of those an image may have there. */
export function isNamed(storedName: string, reference: ImageReference): boolean {
  return storedNamesOf(reference).includes(storedName);
}

/**
 * The whole form of a name that a person wrote: `quay.io/os` is `quay.io/os:latest`; with a digest the tag is dropped, since
 * that is what podman stores. What is no name of a registry stays as it is.
 */
export function wholeNames(name: string, registries: readonly string[]): string[] {
  let parsed: ReturnType<typeof parseRegistryName>;
  try {
    parsed = parseRegistryName(name);
  } catch {
    return [name];
  }
  const suffix = parsed.digest === undefined ? `:${parsed.tag ?? 'latest'}` : `@${parsed.digest}`;
  if (hasRegistry(parsed.name)) return [`${withLibrary(parsed.name)}${suffix}`];
  return registries.map((registry) => `${withLibrary(`${registry}/${parsed.name}`)}${suffix}`);
}

// The first part is a registry when it could not be the name of a user (distribution/reference, splitDockerDomain).
function hasRegistry(name: string): boolean {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  return first === 'localhost' || /[.:]/.test(first) || first !== first.toLowerCase();
}

// Docker Hub's own images are in a folder that people leave out.
function withLibrary(name: string): string {
  return name.replace(/^docker\.io\/([^/]+)$/, 'docker.io/library/$1');
}
