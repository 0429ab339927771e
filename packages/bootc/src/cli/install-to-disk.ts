import { openProgressSink, progressVariable } from '../install/machine-progress.ts';
import type { InstallOptions } from '../install/options.ts';
import { createInstallUi } from '../install/progress.ts';
import { listenForStopSignals } from '../install/stop-signals.ts';
import { installToDisk } from '../install/to-disk.ts';
import { parseRootSize } from './root-size.ts';

/** What the command line of `bootc install to-disk` gives, names as yargs makes them. */
export interface ToDiskArguments {
  device: string;
  wipe?: boolean | undefined;
  viaLoopback?: boolean | undefined;
  blockSetup?: InstallOptions['blockSetup'] | undefined;
  filesystem?: InstallOptions['filesystem'] | undefined;
  rootSize?: string | undefined;
  sourceImgref?: string | undefined;
  targetTransport?: string | undefined;
  targetImgref?: string | undefined;
  enforceContainerSigpolicy?: boolean | undefined;
  runFetchCheck?: boolean | undefined;
  disableSelinux?: boolean | undefined;
  karg: readonly string[];
  kargDelete: readonly string[];
  rootSshAuthorizedKeys?: string | undefined;
  genericImage?: boolean | undefined;
  boundImages?: InstallOptions['boundImages'] | undefined;
  bootloader?: InstallOptions['bootloader'] | undefined;
  composefsBackend?: boolean | undefined;
  allowMissingVerity?: boolean | undefined;
  ukiAddon: readonly string[];
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
    ...optional('sourceImgref', args.sourceImgref),
    ...optional('targetTransport', args.targetTransport),
    ...optional('targetImgref', args.targetImgref),
    enforceContainerSigpolicy: args.enforceContainerSigpolicy === true,
    runFetchCheck: args.runFetchCheck === true,
    disableSelinux: args.disableSelinux === true,
    kargs: args.karg,
    kargDeletes: args.kargDelete,
    ...optional('rootSshAuthorizedKeys', args.rootSshAuthorizedKeys),
    genericImage: args.genericImage === true,
    boundImages: args.boundImages ?? 'stored',
    ...optional('bootloader', args.bootloader),
    composefsBackend: args.composefsBackend === true,
    allowMissingVerity: args.allowMissingVerity === true,
    ukiAddons: args.ukiAddon,
  };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}

/** Installs, shows how it goes, and takes everything down again when it is told to stop. */
export async function runInstallToDisk(args: ToDiskArguments): Promise<void> {
  const options = toInstallOptions(args);
  using stop = listenForStopSignals();
  const warn = (line: string): void => void process.stderr.write(`warning: ${line}\n`);
  using sink = openProgressSink(process.env[progressVariable], warn);
  const ui = createInstallUi({
    writeOutput: (text) => process.stdout.write(text),
    writeError: (text) => process.stderr.write(text),
    isTerminal: process.stderr.isTTY === true,
    ...(sink === undefined ? {} : { writeRecord: sink.write }),
    now: () => performance.now(),
  });
  try {
    await installToDisk(options, ui, stop.signal);
  } catch (error) {
    ui.end('failed');
    // A command that was stopped fails in its own words; the signal is what the person knows.
    throw stop.signal.aborted ? stop.signal.reason : error;
  }
}
