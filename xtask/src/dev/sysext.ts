import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { run } from '@workbench/run';

/** The name of the extension, as systemd-sysext(8) knows it. */
export const extensionName = 'bootc';

/**
 * The extension with the runtime and native parts of the program, for systems that have others or none. Where guests are
 * emulated, programs from a folder of this machine are slow to start: a file over virtiofs is read again each time it is
 * opened, and with that the translation of its code is lost.
 */
export const runtimeExtensionName = 'bootc-runtime';

const runtimeFiles = ['usr/lib/bootc/node', 'usr/lib/bootc/node_modules', 'usr/lib/bootc/runtime-id'];

/** How many versions of the extension stay: the one in use, and the one before it, which a VM may still have open. */
export const keptVersions = 2;

/** One version of the extension. */
export interface SysextVersion {
  /** Its folder's name: `bootc-TIME-BUILD`. */
  readonly name: string;
  /** What `bootc --version` of it prints as its build. */
  readonly buildId: string;
  readonly isCurrent: boolean;
}

/** What an extension is made from and where it goes. */
export interface SysextSources {
  /** The folder of versions, which development VMs see over virtiofs. */
  folder: string;
  /** The guest program as packages/bootc/bundle.ts makes it. */
  guest: string;
  /** Files of the image as they are: packages/bootc/rootfs. */
  rootfs: string;
}

/** Where an extension says what it is, relative to its root: extension-release.d in os-release(5). */
export function releaseFileOf(extension: string): string {
  return `usr/lib/extension-release.d/extension-release.${extension}`;
}

/** What is in the initramfs, and what the system read at its boot, an extension cannot change. */
const leftOut = 'dracut';

/**
 * Makes a version of the system extension that holds our program, and one with its runtime beside it, and points `current` at
 * it: versions are whole before they are named, so that a guest never sees a half-made one. The files are hard links, since
 * the runtime is large and does not change. What the current version already is makes no new one.
 */
export async function makeSysextVersion(sources: SysextSources, now = new Date()): Promise<SysextVersion> {
  const { folder, guest, rootfs } = sources;
  const idIn = async (name: string) => (await readFile(join(guest, 'usr/lib/bootc', name), 'utf8')).trim();
  const [buildId, runtimeId] = await Promise.all([idIn('build-id'), idIn('runtime-id')]);
  // os-release(5): `_any` fits every system. The other line is ours: by it the guest sees that its units changed.
  const systemFiles = await digestOfFiles(join(rootfs, 'usr/lib'));
  const release = `ID=_any\nSYSTEM_FILES=${systemFiles}-${runtimeId}\n`;
  const present = (await listSysextVersions(folder)).find(({ isCurrent }) => isCurrent);
  if (present?.buildId === buildId && (await releaseOf(folder, present)) === release) return present;

  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = `${extensionName}-${stamp}-${buildId}`;
  const temporary = join(folder, `.${name}`);
  await rm(temporary, { recursive: true, force: true });
  const program = join(temporary, extensionName);
  const runtime = join(temporary, runtimeExtensionName);
  for (const [tree, text] of [
    [program, release],
    [runtime, 'ID=_any\n'],
  ] as const) {
    const file = join(tree, releaseFileOf(basename(tree)));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
  }
  await run(['cp', '--archive', '--link', `${guest}/usr/.`, join(program, 'usr')], { step: 'link the program' });
  await mkdir(join(runtime, 'usr/lib/bootc'), { recursive: true });
  for (const file of runtimeFiles) await rename(join(program, file), join(runtime, file));
  await run(['rsync', '--archive', `--exclude=/${leftOut}`, `${rootfs}/usr/lib/`, join(program, 'usr/lib/')], {
    step: 'copy the files of the image',
  });
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(temporary, join(folder, name));
  await pointCurrentAt(folder, name);
  await pruneVersions(folder);
  return { name, buildId, isCurrent: true };
}

/** What a version says of itself; undefined for one that says nothing. */
export function releaseOf(folder: string, version: Pick<SysextVersion, 'name'>): Promise<string | undefined> {
  return readFile(join(folder, version.name, extensionName, releaseFileOf(extensionName)), 'utf8').catch(
    () => undefined,
  );
}

/** A digest of the files and links below a folder that go into an extension: of their names, modes and contents. */
async function digestOfFiles(folder: string): Promise<string> {
  const hash = createHash('sha256');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => !entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
  for (const path of paths.sort()) {
    const name = relative(folder, path);
    if (name.startsWith(`${leftOut}/`)) continue;
    const { mode } = await lstat(path);
    const content = (mode & constants.S_IFMT) === constants.S_IFLNK ? await readlink(path) : await readFile(path);
    hash.update(`${name}\0${mode}\0${Buffer.byteLength(content)}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

/** The versions in a folder, oldest first; none when there is no such folder. */
export async function listSysextVersions(folder: string): Promise<SysextVersion[]> {
  if (!existsSync(folder)) return [];
  const current = await readlink(join(folder, 'current')).catch(() => undefined);
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${extensionName}-`)).sort();
  return names.map((name) => ({
    name,
    buildId: name.slice(name.lastIndexOf('-') + 1),
    isCurrent: name === current,
  }));
}

async function pointCurrentAt(folder: string, name: string): Promise<void> {
  const temporary = join(folder, '.current');
  if ((await lstat(temporary).catch(() => undefined)) !== undefined) await rm(temporary);
  await symlink(name, temporary);
  await rename(temporary, join(folder, 'current'));
}

async function pruneVersions(folder: string): Promise<void> {
  const old = (await listSysextVersions(folder)).filter(({ isCurrent }) => !isCurrent);
  for (const { name } of old.slice(0, Math.max(0, old.length - (keptVersions - 1)))) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}
