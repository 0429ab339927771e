import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'smol-toml';
import { canonicalJson } from '../deployment/canonical-json.ts';
import {
  type BlockSetup,
  type InstallBootloader,
  type InstallTable,
  installTableSchema,
  type RootFilesystem,
  unknownInstallKeys,
} from './configuration-schema.ts';

/** Folders of installation configuration, relative to a root; a file of a later one masks its namesake in an earlier one. */
export const installConfigurationDirectories = [
  'usr/lib/bootc/install',
  'usr/local/lib/bootc/install',
  'etc/bootc/install',
  'run/bootc/install',
] as const;

/** The merged installation configuration; what no file sets is absent. */
export interface InstallConfiguration {
  /** `filesystem.root.type`, which `root-fs-type` is the old name of. */
  rootFilesystem?: RootFilesystem;
  /** Allowed layouts, the default first. Never empty. */
  block: readonly BlockSetup[];
  kernelArguments: readonly string[];
  kernelArgumentDeletes: readonly string[];
  matchArchitectures?: readonly string[];
  ostree?: { blsAppendExceptDefault?: string };
  stateroot?: string;
  rootMountSpec?: string;
  bootMountSpec?: string;
  skipBootUuid?: boolean;
  bootloader?: InstallBootloader;
  discoverablePartitions?: boolean;
  enforceContainerSignaturePolicy?: boolean;
}

/** One configuration file: its name, and its text. */
export interface ConfigurationFile {
  name: string;
  text: string;
}

/** A configuration, and what a person should know about the files it was made from. */
export interface LoadedConfiguration {
  configuration: InstallConfiguration;
  warnings: readonly string[];
}

/**
 * Merges the files in the order of their names: `kargs` and `karg-deletes` add up, of everything else the last setting
 * counts. A file whose `match-architectures` lacks the architecture is passed over. Unknown keys are warned about.
 *
 * @throws CodedError `INSTALL_CONFIG_INVALID` naming the file and all that is wrong with it.
 */
export function mergeInstallConfiguration(
  files: readonly ConfigurationFile[],
  architecture: string,
): LoadedConfiguration {
  const warnings: string[] = [];
  let merged: InstallTable = {};
  for (const file of [...files].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const table = parseInstallTable(file, warnings);
    const architectures = table['match-architectures'];
    if (architectures !== undefined && !architectures.includes(architecture)) continue;
    merged = mergeTables(merged, table);
  }
  return { configuration: toConfiguration(merged), warnings };
}

function parseInstallTable(file: ConfigurationFile, warnings: string[]): InstallTable {
  const invalid = (why: string, cause?: unknown): CodedError =>
    new CodedError('INSTALL_CONFIG_INVALID', `installation configuration ${file.name}: ${why}`, {
      hint: 'see bootc-install-config(5) for what the [install] table may hold',
      cause,
    });
  let data: Record<string, unknown>;
  try {
    data = parse(file.text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.split('\n')[0]! : 'it is no TOML', cause);
  }
  const { install = {}, ...rest } = data;
  const result = installTableSchema.safeParse(install);
  if (!result.success) {
    const issues = result.error.issues.map((issue) => `${['install', ...issue.path].join('.')}: ${issue.message}`);
    throw invalid(issues.join('; '));
  }
  const unknown = [...Object.keys(rest), ...unknownInstallKeys(result.data)];
  warnings.push(...unknown.map((key) => `${file.name}: unknown key ${key}`));
  return result.data;
}

function mergeTables(earlier: InstallTable, later: InstallTable): InstallTable {
  const rootType = later.filesystem?.root?.type ?? later['root-fs-type'];
  return {
    ...earlier,
    ...later,
    kargs: [...(earlier.kargs ?? []), ...(later.kargs ?? [])],
    'karg-deletes': [...(earlier['karg-deletes'] ?? []), ...(later['karg-deletes'] ?? [])],
    filesystem: rootType === undefined ? earlier.filesystem : { root: { type: rootType } },
    ostree: later.ostree ?? earlier.ostree,
    bootupd: later.bootupd ?? earlier.bootupd,
  };
}

function toConfiguration(table: InstallTable): InstallConfiguration {
  const append = table.ostree?.['bls-append-except-default'];
  return withoutUndefined({
    rootFilesystem: table.filesystem?.root?.type,
    block: table.block === undefined || table.block.length === 0 ? (['direct'] as const) : table.block,
    kernelArguments: table.kargs ?? [],
    kernelArgumentDeletes: table['karg-deletes'] ?? [],
    matchArchitectures: table['match-architectures'],
    ostree: table.ostree === undefined ? undefined : withoutUndefined({ blsAppendExceptDefault: append }),
    stateroot: table.stateroot,
    rootMountSpec: table['root-mount-spec'],
    bootMountSpec: table['boot-mount-spec'],
    skipBootUuid: table.bootupd?.['skip-boot-uuid'],
    bootloader: table.bootloader,
    discoverablePartitions: table['discoverable-partitions'],
    enforceContainerSignaturePolicy: table['enforce-container-sigpolicy'],
  });
}

/** The members of an object that are there: a type with optional members instead of ones that may be undefined. */
type Present<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

function withoutUndefined<T extends object>(value: T): Present<T> {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Present<T>;
}

/** Reads and merges all configuration files under a root (`/`, or a mounted image). Missing folders are empty. */
export async function loadInstallConfiguration(root: string, architecture: string): Promise<LoadedConfiguration> {
  const paths = new Map<string, string>();
  for (const directory of installConfigurationDirectories) {
    for (const name of await namesIn(join(root, directory))) {
      if (name.endsWith('.toml')) paths.set(name, join(root, directory, name));
    }
  }
  const files = await Promise.all(
    [...paths].map(async ([name, path]) => ({ name, text: await readFile(path, 'utf8') })),
  );
  return mergeInstallConfiguration(files, architecture);
}

async function namesIn(directory: string): Promise<string[]> {
  return readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
}

/**
 * The configuration as `print-configuration` prints it: canonical JSON, `null` for what is not set. Kernel arguments are
 * only there with `withKernelArguments`, since other installers apply what is printed and must not apply them twice.
 */
export function formatInstallConfiguration(
  configuration: InstallConfiguration,
  options: { withKernelArguments: boolean },
): string {
  const { rootFilesystem, ostree, skipBootUuid } = configuration;
  return canonicalJson({
    'root-fs-type': rootFilesystem ?? null,
    block: configuration.block,
    filesystem: rootFilesystem === undefined ? null : { root: { type: rootFilesystem } },
    'match-architectures': configuration.matchArchitectures ?? null,
    ostree: ostree === undefined ? null : { 'bls-append-except-default': ostree.blsAppendExceptDefault ?? null },
    stateroot: configuration.stateroot ?? null,
    'root-mount-spec': configuration.rootMountSpec ?? null,
    'boot-mount-spec': configuration.bootMountSpec ?? null,
    bootupd: skipBootUuid === undefined ? null : { 'skip-boot-uuid': skipBootUuid },
    bootloader: configuration.bootloader ?? null,
    'discoverable-partitions': configuration.discoverablePartitions ?? null,
    'enforce-container-sigpolicy': configuration.enforceContainerSignaturePolicy ?? null,
    ...(options.withKernelArguments
      ? { kargs: configuration.kernelArguments, 'karg-deletes': configuration.kernelArgumentDeletes }
      : {}),
  });
}
