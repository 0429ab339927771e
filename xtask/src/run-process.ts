import { CodedError, CommandError, describeError } from '@workbench/run';
import { refuseWrongCell } from './commands/early-refusal.ts';
import { toolFolders, workspaceRoot } from './settings/workspace.ts';

const signalStatus = { SIGINT: 130, SIGTERM: 143 } as const;

/** Runs xtask as this process: its arguments, its working folder, its exit status. */
export async function runProcess(): Promise<void> {
  process.chdir(workspaceRoot);
  // The pinned tools come first, also where xtask is not started by a recipe.
  process.env.PATH = [...toolFolders, process.env.PATH].join(':');
  process.exitCode = await runWithSignals();
}

/**
 * Runs xtask with the signals of this process: the first one asks the verb to stop and clean up, a second one ends the
 * process at once. The exit status is 1 for an error, 2 for a wrong command line or setting, 130 or 143 after a signal.
 */
async function runWithSignals(): Promise<number> {
  const controller = new AbortController();
  let stoppedBy: keyof typeof signalStatus | undefined;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (stoppedBy !== undefined) process.exit(signalStatus[name]);
      stoppedBy = name;
      process.stderr.write(`xtask: ${name}, cleaning up; once more to stop at once\n`);
      controller.abort(new Error(`stopped by ${name}`));
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
