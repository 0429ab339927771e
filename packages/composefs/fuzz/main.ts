import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError } from '@workbench/run';
import yargs from 'yargs';
import { fuzzParser } from './fuzz-parser.ts';
import { targetNames } from './targets/all.ts';

/**
 * `just fuzz [TARGET…] [--runs N] [--seed S]`: mutated inputs for every parser. A run can be repeated by its seed, one case
 * of it by its number (`--from INDEX --runs 1`).
 */
const options = await yargs(process.argv.slice(2))
  .scriptName('just fuzz')
  .command('$0 [targets..]', 'Give mutated inputs to parsers', (y) =>
    y.positional('targets', {
      choices: targetNames,
      array: true,
      default: targetNames,
      describe: 'The parsers; all without any',
    }),
  )
  .option('runs', { type: 'number', default: 100_000, describe: 'Inputs for each' })
  .option('seed', { type: 'number', default: Math.floor(Math.random() * 2 ** 31), describe: 'Where chance begins' })
  .option('from', { type: 'number', default: 0, describe: 'Number of the first case' })
  .strict()
  .version(false)
  .parseAsync();

const folder = join(fileURLToPath(new URL('../../..', import.meta.url)), 'target/fuzz');
const log = (line: string) => console.log(line);
let isSound = true;
try {
  for (const name of (options as unknown as { targets: typeof targetNames }).targets) {
    log(`${name}: ${options.runs} inputs, seed ${options.seed}`);
    const { seed, runs, from } = options;
    const { outcomes, failures, peakBytes, durationMs } = await fuzzParser(name, { seed, runs, from, folder, log });
    const counts = Object.entries(outcomes).map(([outcome, count]) => `${outcome} ${count}`);
    log(
      `${name}: ${failures.length} failures; ${counts.join(', ')}; ${Math.round(durationMs / 1000)} s, at most ` +
        `${Math.round(peakBytes / 1024 / 1024)} MiB`,
    );
    isSound &&= failures.length === 0;
  }
} catch (error) {
  console.error(describeError(error));
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}
if (!isSound) process.exitCode = 1;
