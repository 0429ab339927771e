import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { parse } from 'dotenv';
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
  // Paths in messages are relative to the repository, which is the working directory.
  const profilesFolder = options.profilesFolder ?? relative(workspaceRoot, workspace.profiles);
  const environment = options.environment ?? process.env;
  const dotenv = await readDotenv(options.dotenvFile ?? workspace.dotenv);
  const { loadProfile } = await import('../profiles/profile.ts');
  const name = options.profile ?? environment.BOOTC_profile ?? dotenv.BOOTC_profile ?? 'default';
  const profile = await loadProfile(profilesFolder, name);
  const resolved = resolveSettings({
    commandLine: options.commandLine ?? {},
    environment,
    dotenv,
    profile: profile.cell,
  });
  return { ...resolved, profile };
}

async function readDotenv(file: string): Promise<Variables> {
  try {
    return parse(await readFile(file));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
