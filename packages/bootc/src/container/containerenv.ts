import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What podman tells a container about itself (podman-run(1), `/run/.containerenv`); empty for other engines. */
export interface ContainerEnvironment {
  /** With its version: `podman-5.4.2`. */
  engine?: string;
  name?: string;
  /** Name of the image, as it was given to podman. */
  image?: string;
  /** Hex digest of the image's configuration. */
  imageId?: string;
  isRootless: boolean;
}

/** Reads `/run/.containerenv`: `key="value"` lines. The file is empty unless the container is privileged. */
export function parseContainerEnvironment(text: string): ContainerEnvironment {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^(\w+)="?([^"]*)"?$/.exec(line.trim());
    if (match !== null) values.set(match[1]!, match[2]!);
  }
  const member = (key: string, name: 'engine' | 'name' | 'image' | 'imageId') => {
    const value = values.get(key);
    return value === undefined || value === '' ? {} : { [name]: value };
  };
  return {
    ...member('engine', 'engine'),
    ...member('name', 'name'),
    ...member('image', 'image'),
    ...member('imageid', 'imageId'),
    isRootless: values.get('rootless') === '1',
  };
}

/** The container this process runs in, or undefined when it runs on a host. `root` is `/`. */
export async function detectContainer(root = '/'): Promise<ContainerEnvironment | undefined> {
  const text = await readFile(join(root, 'run/.containerenv'), 'utf8').catch(() => undefined);
  if (text !== undefined) return parseContainerEnvironment(text);
  // Docker's mark, and the one that systemd-nspawn and others leave for services (systemd's CONTAINER_INTERFACE).
  for (const mark of ['.dockerenv', 'run/systemd/container']) {
    const exists = await access(join(root, mark)).then(
      () => true,
      () => false,
    );
    if (exists) return { isRootless: false };
  }
  return undefined;
}
