import { openProgressSink, progressVariable } from '../install/machine-progress.ts';
import { createInstallUi, type InstallUi } from '../install/progress.ts';
import { listenForStopSignals } from '../install/stop-signals.ts';

/** Runs an installation, shows how it goes, and has it take everything down again when it is told to stop. */
export async function runInstallation(
  install: (ui: InstallUi, signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
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
    await install(ui, stop.signal);
  } catch (error) {
    ui.end('failed');
    // A command that was stopped fails in its own words; the signal is what the person knows.
    throw stop.signal.aborted ? stop.signal.reason : error;
  }
}
