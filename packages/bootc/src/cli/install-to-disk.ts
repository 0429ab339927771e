import type { InstallOptions } from '../install/options.ts';
import { installToDisk } from '../install/to-disk.ts';
import { type CommonInstallArguments, optional, toCommonInstallOptions } from './install-options.ts';
import { runInstallation } from './install-ui.ts';
import { parseRootSize } from './root-size.ts';

/** What the command line of `bootc install to-disk` gives, names as yargs makes them. */
export interface ToDiskArguments extends CommonInstallArguments {
  device: string;
  wipe?: boolean | undefined;
  viaLoopback?: boolean | undefined;
  blockSetup?: InstallOptions['blockSetup'] | undefined;
  filesystem?: InstallOptions['filesystem'] | undefined;
  rootSize?: string | undefined;
}

/** The options of an installation as the command line gives them. */
export function toInstallOptions(args: ToDiskArguments): InstallOptions {
  return {
    device: args.device,
    wipe: args.wipe === true,
    viaLoopback: args.viaLoopback === true,
    ...optional('blockSetup', args.blockSetup),
    ...optional('filesystem', args.filesystem),
    ...optional('rootSizeMiB', args.rootSize === undefined ? undefined : parseRootSize(args.rootSize)),
    ...toCommonInstallOptions(args),
  };
}

/** Installs onto a whole disk. */
export async function runInstallToDisk(args: ToDiskArguments): Promise<void> {
  const options = toInstallOptions(args);
  await runInstallation((ui, signal) => installToDisk(options, ui, signal));
}
