import { readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { isSystemError } from '../syscalls/libc.ts';

/** Who looks for container storage, and where. */
export interface StorageUser {
  environment: Readonly<Record<string, string | undefined>>;
  /** Users have configuration and storage of their own. */
  uid: number;
  /** What stands in for `/`, where the configuration of the system is. */
  root: string;
}

const configurationSchema = z.looseObject({
  storage: z
    .looseObject({
      graphroot: z.string().optional(),
      imagestore: z.string().optional(),
      rootless_storage_path: z.string().optional(),
      options: z.looseObject({ additionalimagestores: z.array(z.string()).optional() }).optional(),
    })
    .optional(),
});

type StorageTable = NonNullable<z.infer<typeof configurationSchema>['storage']>;

/**
 * Where podman has its images, the first place first: its own storage, then the additional, read-only ones, as
 * containers-storage.conf(5) and the containers/storage library have it (types/options.go). Of the files of configuration one counts:
 * `$CONTAINERS_STORAGE_CONF`, else that of the user, else that in `/etc`, else that in `/usr/share`. `$STORAGE_OPTS`, where it is set, takes
 * the place of all options in it.
 *
 * `$CONTAINERS_STORAGE_ROOT` goes before all of them, and the places that are the default where nothing is configured are always among
 * them. None need exist.
 *
 * @throws CodedError `STORAGE_CONFIGURATION_INVALID`; a system error when a file cannot be read.
 */
export function storageRoots(user: StorageUser): string[] {
  const { environment } = user;
  const { CONTAINERS_STORAGE_ROOT, XDG_DATA_HOME, HOME, STORAGE_OPTS } = environment;
  const configuration = readConfiguration(user);
  const additional =
    STORAGE_OPTS === undefined
      ? (configuration.options?.additionalimagestores ?? []).flatMap((value) => value.split(','))
      : STORAGE_OPTS.split(',').flatMap(imageStoreOfOption);
  const roots = [
    CONTAINERS_STORAGE_ROOT,
    expand(configuration.graphroot, user),
    expand(configuration.imagestore, user),
    XDG_DATA_HOME && join(XDG_DATA_HOME, 'containers/storage'),
    HOME && join(HOME, '.local/share/containers/storage'),
    '/var/lib/containers/storage',
    ...additional,
  ];
  return [...new Set(roots.filter((root): root is string => root !== undefined && root !== '').map(withoutEnd))];
}

const withoutEnd = (path: string): string => normalize(path).replace(/(?<=.)\/+$/, '');

/** The options of overlay that name an image store, by any of the prefixes that they may have. */
function imageStoreOfOption(option: string): string[] {
  const [, store] = /^(?:overlay2?)?\.?(?:additional)?imagestore=(.*)$/i.exec(option.trim()) ?? [];
  return store === undefined ? [] : [store.trim()];
}

function readConfiguration(user: StorageUser): StorageTable {
  const { CONTAINERS_STORAGE_CONF: named } = user.environment;
  if (named !== undefined) return readTable(named) ?? {};
  const own = readTable(ownFile(user));
  const isUser = user.uid !== 0;
  if (own !== undefined) return isUser ? { graphroot: own.rootless_storage_path, ...own } : own;
  const ofSystem = ['etc', 'usr/share'].map((folder) => join(user.root, folder, 'containers/storage.conf'));
  const table = ofSystem.reduce<StorageTable | undefined>((found, file) => found ?? readTable(file), undefined) ?? {};
  // Of the configuration of the system, users have nothing but the pattern of their place.
  return isUser ? { graphroot: table.rootless_storage_path } : table;
}

function ownFile({ environment: { XDG_CONFIG_HOME, HOME }, uid }: StorageUser): string | undefined {
  if (XDG_CONFIG_HOME) return join(XDG_CONFIG_HOME, 'containers/storage.conf');
  return uid !== 0 && HOME ? join(HOME, '.config/containers/storage.conf') : undefined;
}

/** The table of a file; undefined when there is no such file. */
function readTable(file: string | undefined): StorageTable | undefined {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  const invalid = (why: string, cause?: unknown): CodedError =>
    new CodedError('STORAGE_CONFIGURATION_INVALID', `${file}: ${why}`, {
      hint: 'containers-storage.conf(5) says what it may hold; podman reads it, too',
      cause,
    });
  let data: unknown;
  try {
    data = parse(text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.split('\n')[0]! : 'it is no TOML', cause);
  }
  const result = configurationSchema.safeParse(data);
  if (result.success) return result.data.storage ?? {};
  throw invalid(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}

/** Replaces variables of the environment in a path; `$UID` is the user's. */
function expand(path: string | undefined, { environment, uid }: StorageUser): string | undefined {
  return path?.replaceAll(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced?: string, bare?: string) => {
    const name = braced ?? bare ?? '';
    return name === 'UID' ? String(uid) : (environment[name] ?? '');
  });
}
