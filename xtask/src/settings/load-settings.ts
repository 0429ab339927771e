import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { PlacedCell, ResolvedSettings, Variables } from '../matrix/resolve.ts';
import { resolveSettings } from '../matrix/resolve.ts';
import type { Profile } from '../profiles/profile.ts';
import { workspace, workspaceRoot } from './workspace.ts';

/** Everything a verb works on: the decided settings and the VM profile they came with. */
export interface Settings extends ResolvedSettings {
  readonly profile: Profile;
}

/** What the command line says, and for tests another world than this process's. */
export interface LoadOptions {
  commandLine?: PlacedCell;
  /** Name of a VM profile. Default: the variable BOOTC_profile, else `default`. */
  profile?: string | undefined;
  environment?: Variables;
  dotenvFile?: string;
  profilesFolder?: string;
}

/**
 * Reads `.env` and the VM profile, and decides the settings. The environment of this process is read, never changed.
 *
 * @throws CodedError with exit code 2 for whatever is wrong in them.
 */
export async function loadSettings(options: LoadOptions = {}): Promise<Settings> {
  const { profileName, profilesFolder, ...sources } = await readSources(options);
  const { loadProfile } = await import('../profiles/profile.ts');
  const profile = await loadProfile(profilesFolder, profileName);
  return { ...resolveSettings({ ...sources, profile: profile.cell }), profile };
}

/**
 * Refuses settings that are wrong whatever else the VM profile holds, before the libraries are loaded that read one: they
 * take longer than all the rest. Says nothing when the profile may set a part of the cell.
 *
 * @throws CodedError with exit code 2, the one that `loadSettings` throws.
 */
export async function refuseWrongSettings(options: LoadOptions = {}): Promise<void> {
  const { profileName, profilesFolder, ...sources } = await readSources(options);
  const text = await readFile(join(profilesFolder, `${profileName}.yaml`), 'utf8').catch(() => undefined);
  // A profile sets the cell by the key `cell`, or by one that is spelled with escapes or found by an alias.
  if (text === undefined || /cell|\\|[*&]/.test(text.replaceAll(/^#.*$/gm, ''))) return;
  resolveSettings(sources);
}

async function readSources(options: LoadOptions) {
  // Paths in messages are relative to the repository, which is the working directory.
  const profilesFolder = options.profilesFolder ?? relative(workspaceRoot, workspace.profiles);
  const environment = options.environment ?? process.env;
  const dotenv = await readDotenv(options.dotenvFile ?? workspace.dotenv);
  const profileName = options.profile ?? environment.BOOTC_profile ?? dotenv.BOOTC_profile ?? 'default';
  return { commandLine: options.commandLine ?? {}, environment, dotenv, profileName, profilesFolder };
}

async function readDotenv(file: string): Promise<Variables> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return {};
  const { parse } = await import('dotenv');
  return parse(text);
}
