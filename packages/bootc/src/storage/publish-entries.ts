import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { exchange, makeDirectory, removeTree, replaceFile, replaceSymlink, syncFilesystem } from '@workbench/composefs';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { blsMenuName, formatBlsMenu } from '../boot/bls-menu.ts';
import { grubMenu, withoutGrubEntries } from '../boot/grub-menu.ts';
import type { NamedEntry } from '../boot/menu-order.ts';
import { loaderPaths } from '../boot/names.ts';
import { type BootEntries, type BootLocation, scanBootEntries, stripPrefix } from './boot-entries.ts';
import { listOptionalDirectory, pathExists, readOptionalText } from './optional-file.ts';

/** What the names of all entries of this program begin with; others belong to somebody else and are carried along. */
const managedPrefix = 'bootc_';

/**
 * Writes the staged entry set whole, from empty: whatever was staged before is gone, whoever wrote it.
 *
 * After it resolves, the set is on disk; it changes nothing at the next boot until {@link activateStagedEntries}. If it
 * throws or power is lost, the active entries are untouched, and any part of the staged set may be there. So a caller that
 * replaces a staged deployment first removes its record, and writes the new one after this.
 *
 * @param bootDirectory the folder that holds `loader/`.
 */
export async function writeStagedEntries(bootDirectory: string, entries: readonly NamedEntry[]): Promise<void> {
  const staged = join(bootDirectory, loaderPaths.staged);
  await removeTree(staged);
  makeDirectory(join(bootDirectory, loaderPaths.directory), 0o755);
  makeDirectory(staged, 0o755);
  for (const { fileName, entry } of entries) await replaceFile(staged, fileName, formatBlsEntry(entry));
  // A boot loader that reads a menu instead of entries has one in the active set.
  if (await pathExists(join(bootDirectory, loaderPaths.entries, blsMenuName))) {
    await replaceFile(staged, blsMenuName, formatBlsMenu(entries));
  }
  await syncFilesystem(bootDirectory);
}

/**
 * Makes the staged entry set the active one, by one exchange, and removes the old one. Entries of others among the active
 * ones are carried along, unless the staged set has one of that name.
 *
 * After it resolves, the new set is active on disk. If it throws or power is lost, the old set is active or the new one, each
 * whole; the other may be left as the staged set, or a part of it. Nothing puts that in force again: it counts only together
 * with a record of a staged deployment that it has an entry of.
 *
 * All that the new entries name must be on disk before.
 */
export async function activateStagedEntries(bootDirectory: string): Promise<void> {
  const active = join(bootDirectory, loaderPaths.entries);
  const staged = join(bootDirectory, loaderPaths.staged);
  makeDirectory(active, 0o755);
  const present = new Set(await listOptionalDirectory(staged));
  for (const name of await listOptionalDirectory(active)) {
    // The second kind is what an interrupted write of an entry leaves.
    if (name.startsWith(managedPrefix) || name.startsWith('.')) continue;
    await carryAlong(name, { from: active, to: staged, isTaken: present.has(name) });
  }
  await syncFilesystem(bootDirectory);
  await exchange(join(bootDirectory, loaderPaths.directory), loaderPaths.stagedName, loaderPaths.entriesName);
  // The entries of both folders moved with the exchange, and VFAT has no journal that would keep the parts together.
  await syncFilesystem(bootDirectory);
  await removeTree(staged);
}

// Folders always, since one that is there may be what an interruption has left of them.
async function carryAlong(
  name: string,
  { from, to, isTaken }: { from: string; to: string; isTaken: boolean },
): Promise<void> {
  const [source, target] = [join(from, name), join(to, name)];
  const found = await lstat(source);
  if (found.isDirectory()) {
    makeDirectory(target, 0o755);
    for (const inside of await readdir(source)) await carryAlong(inside, { from: source, to: target, isTaken: false });
  } else if (isTaken) return;
  else if (found.isSymbolicLink()) replaceSymlink(target, await readlink(source), to);
  else if (found.isFile()) await replaceFile(to, name, await readFile(source));
}

/**
 * Replaces the active entry set by another, at once: for another order of the same deployments, or with one less. What was
 * staged is gone.
 *
 * Its crash contract is that of {@link writeStagedEntries} up to the exchange and of {@link activateStagedEntries} after it:
 * the active set is the old one or the new one, whole.
 */
export async function replaceActiveEntries(bootDirectory: string, entries: readonly NamedEntry[]): Promise<void> {
  await writeStagedEntries(bootDirectory, entries);
  await activateStagedEntries(bootDirectory);
}

/** Removes the staged entry set, if there is one. If it throws or power is lost, any part of the set may be left. */
export async function discardStagedEntries(bootDirectory: string): Promise<void> {
  await removeTree(join(bootDirectory, loaderPaths.staged));
}

/**
 * Makes the menus of the active and the staged entries anew where they do not tell the same as the entries, for a boot loader that
 * reads a menu: whenever an entry was taken away or changed by itself. After it resolves, the menus are on disk. If it throws or power is
 * lost, each is the old one or the new one, whole, and the next call goes on. With an entry that cannot be read, the menu of its set
 * stays, which may be all that still boots it.
 */
export async function refreshMenus(boot: BootLocation): Promise<void> {
  const sets = [
    ['active', loaderPaths.entries],
    ['staged', loaderPaths.staged],
  ] as const;
  let found: BootEntries | undefined;
  for (const [set, folder] of sets) {
    const present = await readOptionalText(join(boot.bootDirectory, folder, blsMenuName));
    if (present === undefined) continue;
    found ??= await scanBootEntries(boot);
    const isOurs = (entry: { set: string; fileName: string }): boolean =>
      entry.set === set && entry.fileName.startsWith(managedPrefix);
    if (found.unmanaged.some(isOurs)) continue;
    const text = formatBlsMenu(found.managed.filter(isOurs));
    if (text !== present) await replaceFile(join(boot.bootDirectory, folder), blsMenuName, text);
  }
}

/**
 * Takes the entries of a deployment out of the menu of unified kernel images that an older bootc has written for classic grub. If it
 * throws or power is lost, the menu is the old one or the new one, whole.
 */
export async function removeFromGrubMenu(boot: BootLocation, deploymentId: string): Promise<void> {
  const directory = join(boot.bootDirectory, grubMenu.directory);
  const text = (await readOptionalText(join(directory, grubMenu.active))) ?? '';
  const written = withoutGrubEntries(text, (path) => stripPrefix(posix.basename(path, '.efi')) === deploymentId);
  if (written !== text) await replaceFile(directory, grubMenu.active, written);
}
