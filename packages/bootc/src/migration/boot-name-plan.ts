import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { grubMenu } from '../boot/grub-menu.ts';
import {
  addonFolderName,
  espPaths,
  kernelFolderName,
  kernelsDirectory,
  loaderPaths,
  unifiedKernelName,
} from '../boot/names.ts';
import { stagedRecord } from '../deployment/state-paths.ts';
import { type BootArtifact, scanBootArtifacts } from '../storage/boot-artifacts.ts';
import {
  type BootEntries,
  type BootEntryRecord,
  type BootLocation,
  fileOfEntry,
  scanBootEntries,
  type UnmanagedEntry,
} from '../storage/boot-entries.ts';
import { unfinishedEnding } from '../storage/kernel-folders.ts';
import { listOptionalDirectory, pathExists } from '../storage/optional-file.ts';
import { listUnfinishedBootFiles } from '../storage/unfinished-boot-files.ts';

/** What of a system the names of boot files are planned by. */
export interface BootNameSource {
  /** `/`, or a folder that stands in for it. */
  root: string;
  boot: BootLocation;
}

/** The old and the new name of a file or folder, as absolute paths. */
export interface BootFilePath {
  from: string;
  to: string;
  /** False when nothing whole is under the old name and the new one is there: only the entries are left to do. */
  needsCopy: boolean;
}

/** One kernel folder, or unified kernel image with its addons, that gets the prefix in its name. */
export interface BootFileMove {
  kind: BootArtifact['kind'];
  /** The id in its name, which stays. */
  name: string;
  /** What there is of it; the thing that an entry names comes last. */
  paths: readonly BootFilePath[];
}

/** A boot file by its old name that nothing boots. */
export interface BootFileLeftover {
  path: string;
  /** Its new name; absent when that is taken by the same thing, or when it is a copy that was cut short: it is removed. */
  newPath?: string;
  reason: string;
}

/** How the boot files of bootc 1.13 get the names that later versions give them. */
export interface BootNamePlan {
  /** Done one after the other, each with its entries, so that room for only one copy is needed. */
  moves: readonly BootFileMove[];
  /** File names of the active entries that change. Their order in the menu stays. */
  entries: readonly string[];
  leftovers: readonly BootFileLeftover[];
  /** An update is staged: its entries take the place of the active ones at shutdown, so nothing is done before. */
  isPostponed: boolean;
  /** What is not understood, and therefore left as it is. */
  problems: readonly string[];
}

/** Whether there is nothing to do, now or later. */
export function isDone(plan: BootNamePlan): boolean {
  return plan.moves.length === 0 && plan.leftovers.length === 0;
}

/** Plans the names of boot files from what is on the disk. Nothing is changed. */
export async function planBootNames(source: BootNameSource): Promise<BootNamePlan> {
  const { boot } = source;
  const [entries, artifacts] = await Promise.all([scanBootEntries(boot), scanBootArtifacts(boot)]);
  const unreadable = entries.unmanaged.filter(({ fileName, set }) => set === 'active' && fileName.startsWith('bootc_'));
  if (unreadable.length > 0) return nothingToDo(unreadable);
  const moves = new Map<string, BootFileMove>();
  const renamed = new Set<string>();
  const problems = new Set<string>();
  for (const record of entries.managed) {
    if (record.set !== 'active') continue;
    const kind = kindOfOldName(record, boot);
    if (kind === undefined) continue;
    const key = `${kind} ${record.artifactName}`;
    const move = moves.get(key) ?? (await planMove(kind, record.artifactName, { boot, entries }));
    if (typeof move === 'string') {
      problems.add(move);
      continue;
    }
    moves.set(key, move);
    renamed.add(record.fileName);
  }
  const isStaged = await pathExists(join(source.root, stagedRecord.directory, stagedRecord.name));
  return {
    moves: [...moves.values()],
    entries: [...renamed],
    leftovers: await findLeftovers({ artifacts, entries, boot, isStaged }),
    isPostponed: isStaged && entries.managed.some((record) => record.set === 'staged'),
    problems: [...problems],
  };
}

// An entry that cannot be read may name any file.
function nothingToDo(unreadable: readonly UnmanagedEntry[]): BootNamePlan {
  const problems = unreadable.map(({ fileName, reason }) => `boot entry ${fileName} cannot be used: ${reason}`);
  return { moves: [], entries: [], leftovers: [], isPostponed: false, problems };
}

/** What an entry boots, when that has a name without prefix and is where this program keeps such things. */
export function kindOfOldName(record: BootEntryRecord, boot: BootLocation): BootArtifact['kind'] | undefined {
  const { target } = record.entry;
  if (target.kind === 'efi') {
    const file = fileOfEntry(target.path, boot);
    const old = join(boot.espDirectory, espPaths.unifiedKernels, `${record.artifactName}.efi`);
    return file === old ? 'unified-kernel' : undefined;
  }
  const folder = dirname(fileOfEntry(target.linux, boot));
  const old = join(kernelsDirectory(boot.bootDirectory, boot.bootloader), record.artifactName);
  return folder === old ? 'kernel-folder' : undefined;
}

async function planMove(
  kind: BootArtifact['kind'],
  name: string,
  context: { boot: BootLocation; entries: BootEntries },
): Promise<BootFileMove | string> {
  const [{ from, to }, ...addons] = pathsOf(kind, name, context.boot).reverse() as [OldAndNew, ...OldAndNew[]];
  const [hasOld, hasNew] = await Promise.all([isWhole(kind, from), isWhole(kind, to)]);
  const users = context.entries.managed.filter((record) => record.artifactName === name).map((r) => r.fileName);
  const told = `boot entry ${users.join(', ')}`;
  if (!hasOld && !hasNew) return `${told} names ${from}, which is not there or not whole`;
  if (hasOld && hasNew && !(await isSame(from, to))) {
    return `${told} names ${from}, but ${to} is there and is something else`;
  }
  // Another version renames one after the other, so that it may have come to the image, and not to its addons.
  const present = await Promise.all(addons.map((path) => pathExists(path.from)));
  const left = addons.filter((_, index) => present[index]).map((path) => ({ ...path, needsCopy: true }));
  return { kind, name, paths: [...left, { from, to, needsCopy: hasOld }] };
}

type OldAndNew = Pick<BootFilePath, 'from' | 'to'>;

function pathsOf(kind: BootArtifact['kind'], name: string, boot: BootLocation): OldAndNew[] {
  if (kind === 'kernel-folder') {
    const directory = kernelsDirectory(boot.bootDirectory, boot.bootloader);
    return [{ from: join(directory, name), to: join(directory, kernelFolderName(name)) }];
  }
  const directory = join(boot.espDirectory, espPaths.unifiedKernels);
  return [
    { from: join(directory, `${name}.efi.extra.d`), to: join(directory, addonFolderName(name)) },
    { from: join(directory, `${name}.efi`), to: join(directory, unifiedKernelName(name)) },
  ];
}

async function isWhole(kind: BootArtifact['kind'], path: string): Promise<boolean> {
  if (kind === 'unified-kernel') return pathExists(path);
  const files = await Promise.all(['vmlinuz', 'initrd'].map((file) => pathExists(join(path, file))));
  return !files.includes(false);
}

/** Whether two files, or two folders of files, are equal to the byte. */
export async function isSame(one: string, other: string): Promise<boolean> {
  return (await isPartOf(one, other)) && (await isPartOf(other, one));
}

// Whether a file is equal to another, or all files of a folder to those of the same name in another: a copy, perhaps one that
// is being removed.
async function isPartOf(one: string, other: string): Promise<boolean> {
  const bytes = await readIfFile(one);
  if (bytes !== undefined) return (await readIfFile(other))?.equals(bytes) === true;
  for (const name of await listOptionalDirectory(one)) {
    if (!(await isPartOf(join(one, name), join(other, name)))) return false;
  }
  return true;
}

async function readIfFile(path: string): Promise<Buffer | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EISDIR' || error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function findLeftovers(found: {
  artifacts: readonly BootArtifact[];
  entries: BootEntries;
  boot: BootLocation;
  isStaged: boolean;
}): Promise<BootFileLeftover[]> {
  const { entries, boot } = found;
  const byOldName = entries.managed.filter((record) => kindOfOldName(record, boot) !== undefined);
  const alive = byOldName.filter((record) => record.set === 'active' || found.isStaged);
  const used = new Set(alive.map((record) => record.artifactName));
  const leftovers: BootFileLeftover[] = [];
  for (const artifact of found.artifacts) {
    if (artifact.hasPrefix || used.has(artifact.name)) continue;
    for (const { from, to } of pathsOf(artifact.kind, artifact.name, boot)) {
      if (!(await pathExists(from))) continue;
      if (!(await pathExists(to))) leftovers.push({ path: from, newPath: to, reason: 'no boot entry names it' });
      else if (await isPartOf(from, to)) leftovers.push({ path: from, reason: `it is a copy of ${to}` });
    }
  }
  if (!found.isStaged && (leftovers.length > 0 || byOldName.length > alive.length)) {
    leftovers.unshift(...(await findStaleSets(boot)));
  }
  return [...leftovers, ...(await findTornCopies(boot))];
}

// What an exchange took out of the menu, by an attempt that was cut short after it.
async function findStaleSets(boot: BootLocation): Promise<BootFileLeftover[]> {
  const paths = [loaderPaths.staged, join(grubMenu.directory, grubMenu.staged)].map((path) =>
    join(boot.bootDirectory, path),
  );
  const present = await Promise.all(paths.map(pathExists));
  return paths.filter((_, index) => present[index]).map((path) => ({ path, reason: 'no update is staged' }));
}

/** The name under which a copy is made, before it gets its own: nothing takes it for a kernel. */
export function temporaryNameOf(name: string): string {
  return `${name}${unfinishedEnding}`;
}

async function findTornCopies(boot: BootLocation): Promise<BootFileLeftover[]> {
  const directory = join(boot.espDirectory, espPaths.unifiedKernels);
  const addons = (await listOptionalDirectory(directory))
    .filter((name) => /^bootc_composefs-[0-9a-f]{128}\.efi\.extra\.d\.new$/.test(name))
    .map((name) => join(directory, name));
  // Addons without their image, which it lists too, may be what is being renamed.
  const unfinished = (await listUnfinishedBootFiles(boot)).filter((path) => path.endsWith(unfinishedEnding));
  return [...unfinished, ...addons].map((path) => ({
    path,
    reason: 'it is a copy that was cut short',
  }));
}

/** The plan in lines for people, each without a newline. */
export function describeBootNames(plan: BootNamePlan): string[] {
  const postponed = plan.isPostponed && !isDone(plan) ? ['an update is staged, so this waits for the next boot'] : [];
  return [
    ...postponed,
    ...plan.moves.flatMap(({ paths }) =>
      paths.map(({ from, to, needsCopy }) => (needsCopy ? `rename ${from} to ${to}` : `use ${to}, which was ${from}`)),
    ),
    ...plan.entries.map((fileName) => `write boot entry ${fileName} with the new names`),
    ...plan.leftovers.map(({ path, newPath, reason }) =>
      newPath === undefined ? `remove ${path}: ${reason}` : `rename ${path} to ${newPath}: ${reason}`,
    ),
    ...plan.problems.map((problem) => `left as it is: ${problem}`),
  ];
}
