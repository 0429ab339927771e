import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { pathExists, readOptionalText } from '../storage/optional-file.ts';

/** Where credentials for registries may be, below the root: of this boot, of the machine, of the image. */
const candidates = ['run/ostree/auth.json', 'etc/ostree/auth.json', 'usr/lib/ostree/auth.json'] as const;
const none = { directory: '/run/bootc', name: 'no-auth.json', content: '{}\n' } as const;

/** containers-auth.json(5), as far as it holds credentials itself. */
const authSchema = z.looseObject({
  auths: z.record(z.string(), z.looseObject({ auth: z.string().optional() })).optional(),
});

/** Where credentials are looked for. */
export interface AuthOptions {
  /** `/`, or what stands in for it. */
  root: string;
  /** A file to be used instead of those below the root. */
  authFile?: string | undefined;
}

/**
 * The file of credentials for registries (containers-auth.json(5)): the first that the system has, else one without any, so
 * that the logins of a user are never taken.
 */
export async function registryAuthFile({ root, authFile }: AuthOptions): Promise<string> {
  if (authFile !== undefined) return authFile;
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
export async function registryAuthEnvironment(options: AuthOptions): Promise<{ REGISTRY_AUTH_FILE: string }> {
  return { REGISTRY_AUTH_FILE: await registryAuthFile(options) };
}

/**
 * The header by which podman's API gets the same credentials, since its service does not look at the environment. What a
 * credential helper would have to be asked for is not in it.
 *
 * @throws CodedError `AUTH_FILE_INVALID`.
 */
export async function registryAuthHeader(options: AuthOptions): Promise<{ 'x-registry-config': string }> {
  const path = await registryAuthFile(options);
  let auths: z.infer<typeof authSchema>['auths'];
  try {
    ({ auths } = authSchema.parse(JSON.parse((await readOptionalText(path)) ?? '{}')));
  } catch (cause) {
    throw new CodedError('AUTH_FILE_INVALID', `${path} is no file of credentials`, {
      hint: 'write it anew: podman login --authfile FILE REGISTRY; see containers-auth.json(5)',
      cause,
    });
  }
  const logins = Object.entries(auths ?? {}).flatMap(([registry, { auth }]) => {
    if (auth === undefined) return [];
    const [username = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
    return [[registry, { username, password: rest.join(':') }] as const];
  });
  // Podman wants the alphabet of URLs, and padding (RFC 4648, 5).
  const encoded = Buffer.from(JSON.stringify(Object.fromEntries(logins))).toString('base64');
  return { 'x-registry-config': encoded.replaceAll('+', '-').replaceAll('/', '_') };
}
