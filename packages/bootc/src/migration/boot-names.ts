import { readFile, statfs } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import {
  exchange,
  makeDirectory,
  removeFile,
  removeTree,
  renameNoReplace,
  replaceFile,
  syncDirectory,
  syncFilesystem,
} from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { type BootTarget, formatBlsEntry } from '../boot/bls-entry.ts';
import { grubMenu, renameInGrubMenu } from '../boot/grub-menu.ts';
import { type BootLocation, fileOfEntry, scanBootEntries } from '../storage/boot-entries.ts';
import { listOptionalDirectory, pathExists, readOptionalText } from '../storage/optional-file.ts';
import { replaceActiveEntries } from '../storage/publish-entries.ts';
import {
  type BootFileMove,
  type BootFilePath,
  type BootNamePlan,
  type BootNameSource,
  isDone,
  isSame,
  planBootNames,
  temporaryNameOf,
} from './boot-name-plan.ts';

/**
 * Gives the boot files of bootc 1.13 the names that later versions give them, as far as there are any, and finishes what an
 * earlier attempt, also one of another version, has left undone.
 *
 * Each file gets its new name as a copy, which is on disk before the entries change to it, all at once by one exchange; only
 * then does the old name go. So at whatever point this throws or power is lost, every entry that could boot can boot, and the
 * next run goes on from there. An update that is staged is not touched: all of this waits for the next boot then. The caller
 * holds the lock of operations.
 *
 * @returns the plan as it was carried out.
 * @throws CodedError `BOOT_PARTITION_FULL` when there is no room for a copy.
 */
export async function migrateBootNames(source: BootNameSource): Promise<BootNamePlan> {
  const plan = await planBootNames(source);
  if (isDone(plan) || plan.isPostponed) return plan;
  for (const leftover of plan.leftovers) {
    if (leftover.newPath === undefined) await removeTree(leftover.path);
  }
  for (const move of plan.moves) {
    await copyBootFile(move);
    await renameInEntries(source.boot, move);
    await renameInMenu(source.boot, move);
    for (const { from } of move.paths) await removeTree(from);
  }
  for (const { path, newPath } of plan.leftovers) {
    if (newPath !== undefined) await renameNoReplace(dirname(path), basename(path), basename(newPath));
  }
  return plan;
}

async function copyBootFile(move: BootFileMove): Promise<void> {
  const missing: BootFilePath[] = [];
  for (const path of move.paths) {
    if (!path.needsCopy || ((await pathExists(path.to)) && (await isSame(path.from, path.to)))) continue;
    missing.push(path);
  }
  const directory = dirname(move.paths.at(-1)!.to);
  if (missing.length > 0) await copyMissing(missing, directory);
  // Also what an earlier attempt has made, which may have been cut short before this.
  await syncFilesystem(directory);
}

async function copyMissing(missing: readonly BootFilePath[], directory: string): Promise<void> {
  let neededBytes = 0;
  for (const { from } of missing) neededBytes += await sizeOf(from);
  const { bavail, bsize } = await statfs(directory);
  if (bavail * bsize < neededBytes) {
    const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;
    throw new CodedError(
      'BOOT_PARTITION_FULL',
      `no room to rename ${missing[0]!.from}: a copy needs ${mib(neededBytes)}, ${mib(bavail * bsize)} are free`,
      { hint: 'it boots by its old name all the same; remove what you do not need from the boot partition' },
    );
  }
  for (const { from, to } of missing) {
    // Only addons can be there and differ: what an entry names was looked at when this was planned.
    await removeTree(to);
    await copyUnderTemporaryName(from, to);
  }
}

async function sizeOf(path: string): Promise<number> {
  const content = await readTree(path);
  return content instanceof Map ? [...content.values()].reduce((sum, bytes) => sum + bytes.length, 0) : content.length;
}

// A file, or a folder of files; the firmware reads no deeper ones.
async function readTree(path: string): Promise<Buffer | Map<string, Buffer>> {
  const names = await listOptionalDirectory(path);
  if (names.length === 0) return readFile(path);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(path, name))] as const)));
}

async function copyUnderTemporaryName(from: string, to: string): Promise<void> {
  const directory = dirname(to);
  const content = await readTree(from);
  if (!(content instanceof Map)) return replaceFile(directory, basename(to), content);
  const temporary = temporaryNameOf(basename(to));
  makeDirectory(join(directory, temporary), 0o755);
  for (const [name, bytes] of content) await replaceFile(join(directory, temporary), name, bytes);
  syncDirectory(join(directory, temporary));
  await renameNoReplace(directory, temporary, basename(to));
}

async function renameInEntries(boot: BootLocation, move: BootFileMove): Promise<void> {
  const { managed } = await scanBootEntries(boot);
  const active = managed.filter(({ set, fileName }) => set === 'active' && fileName !== grubMenu.active);
  const rename = (path: string): string => newEntryPath(path, { boot, move });
  const written = active.map(({ fileName, entry }) => ({
    fileName,
    entry: { ...entry, target: renameTarget(entry.target, rename) },
  }));
  const isChanged = written.some(({ entry }, index) => formatBlsEntry(entry) !== formatBlsEntry(active[index]!.entry));
  if (isChanged) await replaceActiveEntries(boot.bootDirectory, written);
}

function renameTarget(target: BootTarget, rename: (path: string) => string): BootTarget {
  if (target.kind === 'efi') return { ...target, path: rename(target.path) };
  return { ...target, linux: rename(target.linux), initrds: target.initrds.map(rename) };
}

async function renameInMenu(boot: BootLocation, move: BootFileMove): Promise<void> {
  if (boot.bootloader !== 'grub' || move.kind !== 'unified-kernel') return;
  const directory = join(boot.bootDirectory, grubMenu.directory);
  const text = await readOptionalText(join(directory, grubMenu.active));
  const written = renameInGrubMenu(text ?? '', (path) => newEntryPath(path, { boot, move }));
  if (text === undefined || written === text) return;
  await replaceFile(directory, grubMenu.staged, written);
  await exchange(directory, grubMenu.staged, grubMenu.active);
  await removeFile(join(directory, grubMenu.staged));
}

// A path in an entry by the new name, when it is the moved thing or lies in it.
function newEntryPath(path: string, { boot, move }: { boot: BootLocation; move: BootFileMove }): string {
  const { from, to } = move.paths.at(-1)!;
  const file = fileOfEntry(path, boot);
  if (file !== from && !file.startsWith(`${from}/`)) return path;
  const rest = file.slice(from.length);
  return `${path.slice(0, path.length - rest.length - basename(from).length)}${basename(to)}${rest}`;
}
