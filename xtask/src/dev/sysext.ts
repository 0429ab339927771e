import { existsSync } from 'node:fs';
import { lstat, mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@workbench/run';

/** The name of the extension, as systemd-sysext(8) knows it. */
export const extensionName = 'bootc';

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

/**
 * Makes a version of the system extension that holds our program, and points `current` at it: versions are whole before
 * they are named, so that a guest never sees a half-made one. The program's files are hard links, since the runtime is
 * large and does not change. A program that is the current one already makes no new version.
 */
export async function makeSysextVersion(sources: SysextSources, now = new Date()): Promise<SysextVersion> {
  const { folder, guest, rootfs } = sources;
  const buildId = (await readFile(join(guest, 'usr/lib/bootc/build-id'), 'utf8')).trim();
  const present = (await listSysextVersions(folder)).find(({ isCurrent }) => isCurrent);
  if (present?.buildId === buildId) return present;

  const stamp = now.toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const name = `${extensionName}-${stamp}-${buildId}`;
  const temporary = join(folder, `.${name}`);
  const tree = join(temporary, extensionName);
  await rm(temporary, { recursive: true, force: true });
  await mkdir(join(tree, 'usr/lib/extension-release.d'), { recursive: true });
  await run(['cp', '--archive', '--link', `${guest}/usr/.`, join(tree, 'usr')], { step: 'link the program' });
  // What is in the initramfs, and what the system read at its boot, an extension cannot change.
  await run(['rsync', '--archive', '--exclude=/dracut', `${rootfs}/usr/lib/`, join(tree, 'usr/lib/')], {
    step: 'copy the files of the image',
  });
  // os-release(5): `_any` fits every system.
  await writeFile(join(tree, `usr/lib/extension-release.d/extension-release.${extensionName}`), 'ID=_any\n');
  await rm(join(folder, name), { recursive: true, force: true });
  await rename(temporary, join(folder, name));
  await pointCurrentAt(folder, name);
  await pruneVersions(folder);
  return { name, buildId, isCurrent: true };
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
