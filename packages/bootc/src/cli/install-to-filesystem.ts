import { openExistingRoot } from '../install/existing-root.ts';
import type { Replace } from '../install/make-room.ts';
import { type FilesystemInstallOptions, installToFilesystem } from '../install/to-filesystem.ts';
import { type CommonInstallArguments, optional, toCommonInstallOptions } from './install-options.ts';
import { runInstallation } from './install-ui.ts';

/** What the command line of `bootc install to-filesystem` gives, names as yargs makes them. */
export interface ToFilesystemArguments extends CommonInstallArguments {
  root: string;
  replace?: Replace | undefined;
  rootMountSpec?: string | undefined;
  bootMountSpec?: string | undefined;
  acknowledgeDestructive?: boolean | undefined;
  skipFinalize?: boolean | undefined;
}

function toFilesystemOptions(args: ToFilesystemArguments): Omit<FilesystemInstallOptions, 'isExistingRoot'> {
  return {
    ...toCommonInstallOptions(args),
    root: args.root,
    ...optional('replace', args.replace),
    ...optional('rootMountSpec', args.rootMountSpec),
    ...optional('bootMountSpec', args.bootMountSpec),
    acknowledgeDestructive: args.acknowledgeDestructive === true,
    skipFinalize: args.skipFinalize === true,
  };
}

/** Installs into a mounted root. */
export async function runInstallToFilesystem(args: ToFilesystemArguments): Promise<void> {
  const options = { ...toFilesystemOptions(args), isExistingRoot: false };
  await runInstallation((ui, signal) => installToFilesystem(options, ui, signal));
}

/** Installs over the system that runs, beside what is there unless it is told otherwise. */
export async function runInstallToExistingRoot(
  args: ToFilesystemArguments & { cleanup?: boolean | undefined },
): Promise<void> {
  await runInstallation(async (ui, signal) => {
    await using root = await openExistingRoot(args.root);
    const options = { ...toFilesystemOptions(args), replace: args.replace ?? 'alongside', root: root.path };
    const ofOldSystem = { isExistingRoot: true, removesOldSystem: args.cleanup === true };
    return await installToFilesystem({ ...options, ...ofOldSystem }, ui, signal);
  });
}
