import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { pathExists, readOptionalText } from '../storage/optional-file.ts';

/** Where credentials for registries may be, below the root: of this boot, of the machine, of the image. */
const candidates = ['run/ostree/auth.json', 'etc/ostree/auth.json', 'usr/lib/ostree/auth.json'] as const;
const none = { directory: '/run/bootc', name: 'no-auth.json', content: '{}\n' } as const;

/**
 * The file of credentials for registries (containers-auth.json(5)): the first that the system has, else one without any, so
 * that the logins of a user are never taken.
 */
export async function registryAuthFile(root: string): Promise<string> {
  for (const candidate of candidates) {
    const path = join(root, candidate);
    if (await pathExists(path)) return path;
  }
  const path = join(none.directory, none.name);
  if ((await readOptionalText(path)) !== none.content) {
    mkdirSync(none.directory, { recursive: true });
    await replaceFile(none.directory, none.name, none.content, { mode: 0o600 });
  }
  return path;
}

/** The environment by which podman and skopeo find the credentials. */
export async function registryAuthEnvironment(root: string): Promise<{ REGISTRY_AUTH_FILE: string }> {
  return { REGISTRY_AUTH_FILE: await registryAuthFile(root) };
}
