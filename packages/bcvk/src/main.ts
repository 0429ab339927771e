import { CodedError, describeError } from '@workbench/run';
import { readCommandLine } from './cli/command-line.ts';
import { findFolders } from './context/folders.ts';
import { createPhases, writeTimings } from './progress/phases.ts';

/** Exit code of a program that a signal ended, as shells count: 128 and the signal's number. */
const signalExitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143, SIGPIPE: 141 } as const;

type StopReason = keyof typeof signalExitCodes;

/** Runs one bcvk command line and gives its exit code: 0, 1 for a failure, 2 for a wrong command line, or ssh's. */
async function main(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  const phases = createPhases(process.stderr);
  const stop = new AbortController();
  let stoppedBy: StopReason | undefined;
  const stopFor = (reason: StopReason) => {
    stoppedBy ??= reason;
    stop.abort(new CodedError('INTERRUPTED', `stopped by ${reason}`, { hint: 'what was begun is undone' }));
  };
  for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
    // `on`, not `once`: a library that stops our children at a signal ends this process too if nobody else listens any more.
    process.on(signal, () => stopFor(signal));
  }
  // Node ignores SIGPIPE: that whoever read our output is gone shows as an error of the stream, which would end us as we stand.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => stopFor('SIGPIPE'));
  try {
    const work = await readCommandLine(argv, env, print);
    const folders = findFolders(env, process.getuid?.() === 0);
    return (await work?.({ env, folders, phases, signal: stop.signal, print })) ?? 0;
  } catch (error) {
    process.stderr.write(`${describeError(stoppedBy === undefined ? error : stop.signal.reason)}\n`);
    if (stoppedBy !== undefined) return signalExitCodes[stoppedBy];
    return error instanceof CodedError ? error.exitCode : 1;
  } finally {
    const timingsFile = env.BCVK_TIMINGS;
    if (timingsFile !== undefined && phases.timings.length > 0) writeTimings(timingsFile, argv.join(' '), phases);
  }
}

process.exitCode = await main(process.argv.slice(2), process.env);
