import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readOptionalText } from '../../storage/optional-file.ts';
import type { LintCheck, LintFinding, LintTarget } from './check.ts';
import { showFoundPath, walkRoot } from './walk-root.ts';

/** Where the kernel and systemd mount their own file systems (https://systemd.io/API_FILE_SYSTEMS/). */
const apiFolders = ['dev', 'proc', 'run', 'sys', 'tmp'];

/** What a container engine puts into `/run` while an image is built. */
const ofEngines = ['/run/.containerenv', '/run/secrets', '/run/lock', '/run/systemd'];

/** Files that a container engine makes when they are missing. */
const injectedFiles = ['etc/hostname', 'etc/resolv.conf'];

/** Checks of the folders that a root must have, must not have, or must have empty. */
export const folderChecks: readonly LintCheck[] = [
  {
    name: 'var-run',
    level: 'fatal',
    description: '/var/run has to be a link to /run, or files there are lost among the data of the machine',
    run: async ({ root }) => {
      const type = await typeOf(root, 'var/run');
      return type === undefined || type === 'link' ? undefined : { message: 'Not a symlink: /var/run' };
    },
  },
  {
    name: 'etc-usretc',
    level: 'fatal',
    description: 'An image has its configuration in /etc; a /usr/etc beside it is of another backend',
    run: async ({ root }) => {
      const both = (await typeOf(root, 'etc')) === 'folder' && (await typeOf(root, 'usr/etc')) === 'folder';
      return both ? { message: 'Found /usr/etc beside /etc, where nothing reads it' } : undefined;
    },
  },
  {
    name: 'api-base-directories',
    level: 'fatal',
    description: 'The folders for the file systems of the kernel, and /var, have to be there',
    run: async ({ root }) => {
      const missing = await filterAsync(
        [...apiFolders, 'var'],
        async (name) => (await typeOf(root, name)) !== 'folder',
      );
      return withItems(
        'Missing base directories',
        missing.map((name) => `/${name}`),
      );
    },
  },
  {
    name: 'baseimage-root',
    level: 'fatal',
    description: '/sysroot has to be there, and /ostree may only be a link into it',
    run: checkBaseRoot,
  },
  {
    name: 'baseimage-composefs',
    level: 'warning',
    description: 'composefs must not be turned off for other backends',
    run: async ({ root }) => {
      const text = (await readOptionalText(join(root, 'usr/lib/ostree/prepare-root.conf'))) ?? '';
      const section = /^\[composefs\]([^[]*)/m.exec(text)?.[1] ?? '';
      return /^\s*enabled\s*=\s*(no|false|0|off)\s*$/m.test(section)
        ? { message: 'composefs is turned off in /usr/lib/ostree/prepare-root.conf' }
        : undefined;
    },
  },
  {
    name: 'buildah-injected',
    level: 'warning',
    description: 'Empty files that a container engine left in /etc hide those of the machine',
    run: async ({ root }) => {
      const empty = await filterAsync(injectedFiles, async (name) => {
        const found = await lstat(join(root, name)).catch(() => undefined);
        return found?.isFile() === true && found.size === 0;
      });
      return withItems(
        'Empty files, which a container engine may have left',
        empty.map((name) => `/${name}`),
      );
    },
  },
  {
    name: 'nonempty-boot',
    level: 'warning',
    description: '/boot holds nothing but unified kernel images: the kernel is found below /usr/lib/modules',
    run: async ({ root }) => {
      const found = await leavesBelow(root, 'boot', []);
      return withItems(
        'Found non-empty /boot',
        found.filter((path) => !path.startsWith('/boot/EFI/Linux/') && !path.endsWith('.dump')),
      );
    },
  },
  {
    name: 'nonempty-run-tmp',
    level: 'warning',
    description: 'What is in /run or /tmp of an image is never seen: memory is mounted there',
    run: async ({ root }) => {
      const found = [...(await leavesBelow(root, 'run', ofEngines)), ...(await leavesBelow(root, 'tmp', []))];
      return withItems('Found content in runtime-only directories', found);
    },
  },
  {
    name: 'var-log',
    level: 'warning',
    description: 'Logs of the build go to every machine',
    run: async ({ root }) => {
      const found: string[] = [];
      await walkRoot(root, 'var/log', async ({ path, realPath, entry }) => {
        if (entry.isFile() && (await lstat(realPath)).size > 0) found.push(showFoundPath(path));
        return true;
      });
      return withItems('Found non-empty logfiles', found);
    },
  },
];

async function checkBaseRoot({ root }: LintTarget): Promise<LintFinding | undefined> {
  if ((await typeOf(root, 'sysroot')) !== 'folder') return { message: 'Missing directory: /sysroot' };
  const type = await typeOf(root, 'ostree');
  if (type === undefined) return undefined;
  const target = type === 'link' ? await readlink(join(root, 'ostree')) : undefined;
  if (target === 'sysroot/ostree' || target === '/sysroot/ostree') return undefined;
  return { message: `Expected a symlink /ostree to sysroot/ostree, found ${target ?? `a ${type}`}` };
}

async function typeOf(root: string, path: string): Promise<'folder' | 'link' | 'file' | undefined> {
  const found = await lstat(join(root, path)).catch(() => undefined);
  if (found === undefined) return undefined;
  return found.isDirectory() ? 'folder' : found.isSymbolicLink() ? 'link' : 'file';
}

/** Everything below a folder that is no folder. */
async function leavesBelow(root: string, folder: string, excluded: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  await walkRoot(root, folder, ({ path, entry }) => {
    const shown = showFoundPath(path);
    if (excluded.includes(shown)) return false;
    if (!entry.isDirectory()) found.push(shown);
    return true;
  });
  return found;
}

function withItems(message: string, items: readonly string[]): LintFinding | undefined {
  return items.length === 0 ? undefined : { message, items };
}

async function filterAsync<T>(items: readonly T[], test: (item: T) => Promise<boolean>): Promise<T[]> {
  const results = await Promise.all(items.map(test));
  return items.filter((_, index) => results[index]);
}
