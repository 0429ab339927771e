import { formatError } from './error-line.ts';

/**
 * Runs the program with these arguments and returns its exit status: 0; 1 for an error, told in one line on standard
 * error; 2 for a command line that is wrong, told with the usage. Help and version go to standard output.
 */
export async function runProgram(args: readonly string[]): Promise<number> {
  const isTerminal = process.stderr.isTTY === true && process.env.NO_COLOR === undefined;
  try {
    if (args[0] === 'internals' && args[1] === 'cfs') {
      const { cfsMain } = await import('@workbench/composefs/cli');
      return await cfsMain(args.slice(2), process.getuid?.() === 0 ? { defaultRepository: '/sysroot/composefs' } : {});
    }
    if (args[0] === 'image' && (await (await import('./commands/image.ts')).runPodmanVerb(args))) return 0;
    const { makeParser, UsageError } = await import('./parser.ts');
    const parser = makeParser(args);
    try {
      await parser.parseAsync([...args]);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      const [usage] = (await parser.getHelp()).split('\n');
      process.stderr.write(
        `${formatError(error, { isTerminal })}\nUsage: ${usage}\n\nFor more information, try --help.\n`,
      );
      return exitStatusOf(error);
    }
    return typeof process.exitCode === 'number' ? process.exitCode : 0;
  } catch (error) {
    process.stderr.write(formatError(error, { isTerminal }));
    return exitStatusOf(error);
  }
}

function exitStatusOf(error: unknown): number {
  const exitCode = typeof error === 'object' && error !== null && 'exitCode' in error ? error.exitCode : undefined;
  return typeof exitCode === 'number' ? exitCode : 1;
}
