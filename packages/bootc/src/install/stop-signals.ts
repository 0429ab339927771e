import { CodedError } from '@workbench/run';

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
type StopSignal = keyof typeof exitCodes;

/** An AbortSignal that the signals of a terminal or service manager abort, until it is disposed of. */
export interface StopSignals extends Disposable {
  signal: AbortSignal;
}

/**
 * Turns SIGHUP, SIGINT and SIGTERM into an abort, so that what is under way cleans up before the program ends. The reason is
 * a CodedError `INTERRUPTED` with the exit code a shell shows for the signal. A second signal of the same kind ends the
 * program at once.
 */
export function listenForStopSignals(): StopSignals {
  const controller = new AbortController();
  const stop = (name: StopSignal): void => {
    controller.abort(
      new CodedError('INTERRUPTED', `stopped by ${name}`, {
        hint: 'what was mounted or attached is released; run it again to begin anew',
        exitCode: exitCodes[name],
      }),
    );
  };
  const names = Object.keys(exitCodes) as StopSignal[];
  for (const name of names) process.once(name, stop);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => {
      for (const name of names) process.removeListener(name, stop);
    },
  };
}
