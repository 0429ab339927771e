import { basename, dirname, join, posix } from 'node:path';
import { type BlsEntry, parseBlsEntry } from '../boot/bls-entry.ts';
import { grubMenu, parseGrubMenu } from '../boot/grub-menu.ts';
import { findComposefsArgument, parseKernelArguments } from '../boot/kernel-arguments.ts';
import { inMenuOrder } from '../boot/menu-order.ts';
import { type Bootloader, bootArtifactPrefix, espPaths } from '../boot/names.ts';
import { isDeploymentId } from '../deployment/state-paths.ts';
import { readEntryFiles } from './entry-files.ts';
import { pathExists, readOptionalText } from './optional-file.ts';

/** Where the boot loader of a system keeps its things. */
export interface BootLocation {
  bootloader: Bootloader;
  /** The folder that holds `loader/`: the ESP, or `/boot` for classic grub. */
  bootDirectory: string;
  /** The EFI system partition. */
  espDirectory: string;
  /** `/boot` is a file system of its own, from whose root classic grub looks for what entries name. Default: it is not. */
  bootIsMount?: boolean;
}

/** A boot entry that boots a deployment. */
export interface BootEntryRecord {
  fileName: string;
  /** `staged` entries become active when the system shuts down. */
  set: 'active' | 'staged';
  entry: BlsEntry;
  deploymentId: string;
  /** The id in the name of its kernel folder or unified kernel image: another deployment's when kernels are shared. */
  artifactName: string;
  /** Paths of the files it boots that are not there. */
  missingFiles: readonly string[];
}

/** A file among the boot entries that this program leaves alone, and why. */
export interface UnmanagedEntry {
  fileName: string;
  set: 'active' | 'staged';
  reason: string;
}

/** All boot entries of a system. */
export interface BootEntries {
  /** Each in menu order: the active ones, the first of which is the default, then the staged ones. */
  managed: readonly BootEntryRecord[];
  unmanaged: readonly UnmanagedEntry[];
}

/**
 * Reads all boot entries. One that cannot be read or boots no deployment is reported as unmanaged, never thrown. For classic
 * grub that includes the menu of unified kernel images, whose entries all have the name of that file.
 */
export async function scanBootEntries(location: BootLocation): Promise<BootEntries> {
  const managed: BootEntryRecord[] = [];
  const unmanaged: UnmanagedEntry[] = [];
  const files = await readEntryFiles(location.bootDirectory);
  for (const set of ['active', 'staged'] as const) {
    const found: BootEntryRecord[] = [];
    for (const { fileName, text } of files[set]) {
      try {
        if (text instanceof Error) throw text;
        const entry = parseBlsEntry(text, fileName);
        found.push(await recordOf(entry, { fileName, set, location }));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        unmanaged.push({ fileName, set, reason: message.replace(`boot entry ${fileName} cannot be used: `, '') });
      }
    }
    managed.push(...inMenuOrder(found, location.bootloader));
    if (location.bootloader === 'grub') managed.push(...(await scanGrubMenu(location, set)));
  }
  return { managed, unmanaged };
}

async function scanGrubMenu(location: BootLocation, set: 'active' | 'staged'): Promise<BootEntryRecord[]> {
  const fileName = grubMenu[set];
  const text = await readOptionalText(join(location.bootDirectory, grubMenu.directory, fileName));
  return Promise.all(
    parseGrubMenu(text ?? '')
      // Anybody may add entries of their own to this file.
      .filter(({ path }) => isDeploymentId(stripPrefix(posix.basename(path, '.efi'))))
      .map(({ title, path }) => {
        const entry: BlsEntry = {
          title,
          version: stripPrefix(posix.basename(path, '.efi')),
          target: { kind: 'efi', key: 'efi', path },
        };
        return recordOf(entry, { fileName, set, location });
      }),
  );
}

async function recordOf(
  entry: BlsEntry,
  where: { fileName: string; set: 'active' | 'staged'; location: BootLocation },
): Promise<BootEntryRecord> {
  const { fileName, set, location } = where;
  const deploymentId = deploymentIdOfEntry(entry);
  const missingFiles = await listMissingFiles(entry, location);
  return { fileName, set, entry, deploymentId, artifactName: artifactNameOfEntry(entry), missingFiles };
}

/**
 * The deployment an entry boots: what `composefs=` says, or what the name of the unified kernel image says.
 *
 * @throws Error that says what is missing, for an entry that boots something else.
 */
export function deploymentIdOfEntry(entry: BlsEntry): string {
  const { target } = entry;
  if (target.kind === 'linux') {
    const argument = findComposefsArgument(parseKernelArguments(target.options ?? ''));
    if (argument === undefined) throw new Error('its options have no composefs=');
    return checkedId(argument.deploymentId);
  }
  return checkedId(stripPrefix(posix.basename(target.path, '.efi')));
}

function checkedId(text: string): string {
  if (isDeploymentId(text)) return text;
  throw new Error(`${JSON.stringify(text)} is not the id of a deployment`);
}

/** The id in the name of the kernel folder or unified kernel image an entry boots, without prefix and ending. */
export function artifactNameOfEntry(entry: BlsEntry): string {
  const { target } = entry;
  return stripPrefix(target.kind === 'linux' ? basename(dirname(target.linux)) : posix.basename(target.path, '.efi'));
}

/** A name without the prefix of this program's boot artifacts, if it has it. */
export function stripPrefix(name: string): string {
  return name.startsWith(bootArtifactPrefix) ? name.slice(bootArtifactPrefix.length) : name;
}

async function listMissingFiles(entry: BlsEntry, location: BootLocation): Promise<string[]> {
  const { target } = entry;
  const paths = target.kind === 'linux' ? [target.linux, ...target.initrds] : [target.path];
  const present = await Promise.all(paths.map((path) => pathExists(fileOfEntry(path, location))));
  return paths.filter((_, index) => present[index] === false);
}

/**
 * The file that a path in an entry means. Such a path begins at the root of the partition that holds the entry: for classic
 * grub that is /boot when it is a mount of its own, else the root file system, where the same path begins with /boot. EFI
 * programs are on the ESP.
 */
export function fileOfEntry(path: string, location: BootLocation): string {
  if (path.startsWith(`/${espPaths.unifiedKernels}/`)) return join(location.espDirectory, path);
  const isFromRoot = location.bootloader === 'grub' && path.startsWith('/boot/');
  return join(location.bootDirectory, isFromRoot ? path.slice('/boot'.length) : path);
}
