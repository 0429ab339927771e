import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallOptions } from '../to-disk/install-options.ts';

/** Everything that can change what a base disk holds. */
export interface BaseDiskInputs {
  imageDigest: string;
  /** The image's name: it is written into the installed system as where updates come from. */
  sourceReference: string;
  filesystem: string | null;
  rootSize: string | null;
  targetTransport: string | null;
  kernelArguments: readonly string[];
  composefsBackend: boolean;
  bootloader: string | null;
  allowMissingFsverity: boolean;
  diskBytes: number;
  /** uefi or bios: the installation may look at what it was started with. */
  firmware: 'uefi' | 'bios';
  /** Hash of the code that installs. */
  programVersion: string;
}

/** The inputs of one base disk. */
export function baseDiskInputs(request: {
  imageDigest: string;
  sourceReference: string;
  options: InstallOptions;
  diskBytes: number;
  firmware: BaseDiskInputs['firmware'];
  programVersion: string;
}): BaseDiskInputs {
  const { options } = request;
  return {
    imageDigest: request.imageDigest,
    sourceReference: request.sourceReference,
    filesystem: options.filesystem ?? null,
    rootSize: options.rootSize ?? null,
    targetTransport: options.targetTransport ?? null,
    kernelArguments: options.kernelArguments,
    composefsBackend: options.composefsBackend,
    bootloader: options.bootloader ?? null,
    allowMissingFsverity: options.allowMissingFsverity,
    diskBytes: request.diskBytes,
    firmware: request.firmware,
    programVersion: request.programVersion,
  };
}

/** The key of a base disk: 16 hexadecimal digits of the SHA-256 of its inputs as JSON, in a fixed order of fields. */
export function baseDiskKey(inputs: BaseDiskInputs): string {
  const ordered = Object.fromEntries(Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1)));
  return createHash('sha256').update(JSON.stringify(ordered)).digest('hex').slice(0, 16);
}

/** Says in which inputs two disks differ, one line each; none if they are the same. */
export function explainDifference(wanted: BaseDiskInputs, found: BaseDiskInputs): string[] {
  const names = Object.keys(wanted) as (keyof BaseDiskInputs)[];
  return names
    .map((name) => [name, JSON.stringify(wanted[name]), JSON.stringify(found[name])] as const)
    .filter(([, a, b]) => a !== b)
    .map(([name, a, b]) => `${name}: wanted ${a}, this disk has ${b}`);
}

/** The folders whose code decides what an installed disk holds. */
const installingFolders = ['../to-disk', '../images'];

/** Hash of the code that installs: a changed program never takes a disk that another one made. */
export function readProgramVersion(): string {
  const hash = createHash('sha256');
  for (const folder of installingFolders.map((name) => join(import.meta.dirname, name))) {
    const names = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
    for (const name of names.sort()) hash.update(`${name}\0`).update(readFileSync(join(folder, name)));
  }
  return hash.digest('hex').slice(0, 16);
}
