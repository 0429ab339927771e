import { CodedError, CommandError, describeError } from '@workbench/run';
import { refuseWrongCell } from './commands/early-refusal.ts';
import { toolFolders, workspaceRoot } from './settings/workspace.ts';

/** Exit codes of a program that a signal ended, as shells count: 128 and the signal's number. */
const signalStatus = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGPIPE: 141 } as const;

type StopReason = keyof typeof signalStatus;

/** Runs xtask as this process: its arguments, its working folder, its exit status. */
export async function runProcess(): Promise<void> {
  process.chdir(workspaceRoot);
  // The pinned tools come first, also where xtask is not started by a recipe.
  process.env.PATH = [...toolFolders, process.env.PATH].join(':');
  process.exitCode = await runWithSignals();
}

/**
 * Runs xtask with the signals of this process: the first one asks the verb to stop and clean up, a second one ends the
 * process at once. Who reads our output and goes away stops it too. The exit status is 1 for an error, 2 for a wrong command line or
 * setting, 128 and its number after a signal.
 */
async function runWithSignals(): Promise<number> {
  const controller = new AbortController();
  let stoppedBy: StopReason | undefined;
  const stop = (name: StopReason): void => {
    stoppedBy = name;
    controller.abort(new Error(`stopped by ${name}`));
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      // A terminal that goes away is told by its streams, by the kernel and by the shell: none of that is a second wish.
      if (stoppedBy !== undefined && name === 'SIGHUP') return;
      if (stoppedBy !== undefined && stoppedBy !== 'SIGPIPE') process.exit(signalStatus[name]);
      process.stderr.write(`xtask: ${name}, cleaning up; once more to stop at once\n`);
      stop(name);
    });
  }
  // Node ignores SIGPIPE, so a pipe that was closed, or a terminal that is gone, shows as an error of the stream.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', () => {
      if (stoppedBy === undefined) stop('SIGPIPE');
    });
  }
  try {
    const argv = process.argv.slice(2);
    await refuseWrongCell(argv);
    const { runProgram } = await import('./commands/program.ts');
    const status = await runProgram(argv, { signal: controller.signal });
    return stoppedBy === undefined ? status : signalStatus[stoppedBy];
  } catch (error) {
    // After a signal, that a command was stopped is no news.
    if (stoppedBy !== undefined && !(error instanceof CodedError && !(error instanceof CommandError))) {
      return signalStatus[stoppedBy];
    }
    process.stderr.write(`${describeError(error)}\n`);
    return stoppedBy === undefined ? exitCodeOf(error) : signalStatus[stoppedBy];
  }
}

function exitCodeOf(error: unknown): number {
  return error instanceof CodedError ? error.exitCode : 1;
}
