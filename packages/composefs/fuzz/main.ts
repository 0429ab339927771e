import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import yargs from 'yargs';
import { type ComparisonName, comparisonNames, comparisons } from './differential/all.ts';
import { fuzzParser } from './fuzz-parser.ts';
import { type TargetName, targetNames } from './targets/all.ts';

/**
 * `just fuzz [TARGET…] [--runs N] [--seed S]`: mutated inputs for every parser, and the same input for ours and the real
 * tool. A run can be repeated by its seed, one case of it by its number (`--from INDEX --runs 1`).
 */
type Name = TargetName | ComparisonName;
const names: readonly Name[] = [...targetNames, ...comparisonNames];
const parserRuns = 100_000;
const inputs = join(fileURLToPath(new URL('../../..', import.meta.url)), 'target/fuzz');
const log = (line: string) => console.log(line);

const options = await yargs(process.argv.slice(2))
  .scriptName('just fuzz')
  .command('$0 [targets..]', 'Give mutated inputs to parsers; compare with the real tool (needs root)', (y) =>
    y.positional('targets', { choices: names, array: true, default: names, describe: 'All without any' }),
  )
  .option('runs', { type: 'number', describe: `Cases of each; by default ${parserRuns} of a parser, fewer of others` })
  .option('seed', { type: 'number', default: Math.floor(Math.random() * 2 ** 31), describe: 'Where chance begins' })
  .option('from', { type: 'number', default: 0, describe: 'Number of the first case' })
  .strict()
  .version(false)
  .parseAsync();
const { seed, from } = options;

const chosen = (options as unknown as { targets: Name[] }).targets;
try {
  const [name] = chosen;
  if (chosen.length > 1) for (const each of chosen) await runInProcess(each);
  else if (name !== undefined) process.exitCode = (await (isComparison(name) ? compare(name) : fuzz(name))) ? 0 : 1;
} catch (error) {
  console.error(describeError(error));
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}

function isComparison(name: Name): name is ComparisonName {
  return Object.hasOwn(comparisons, name);
}

async function fuzz(name: TargetName): Promise<boolean> {
  const runs = options.runs ?? parserRuns;
  log(`${name}: ${runs} inputs, seed ${seed}`);
  const report = await fuzzParser(name, { seed, runs, from, folder: inputs, log });
  const counts = Object.entries(report.outcomes).map(([outcome, count]) => `${outcome} ${count}`);
  const peak = Math.round(report.peakBytes / 1024 / 1024);
  log(
    `${name}: ${report.failures.length} failures; ${counts.join(', ')}; ` +
      `${Math.round(report.durationMs / 1000)} s, at most ${peak} MiB`,
  );
  return report.failures.length === 0;
}

async function compare(name: ComparisonName): Promise<boolean> {
  const runs = options.runs ?? comparisons[name].runs;
  log(`${name}: ${runs} cases, seed ${seed}`);
  const startedAt = performance.now();
  const folder = dirSync({ unsafeCleanup: true, prefix: 'fuzz-', tmpdir: '/dev/shm' });
  try {
    const differences = await comparisons[name].compare({ seed, from, to: from + runs, folder: folder.name });
    for (const { index, problem, input } of differences) {
      mkdirSync(inputs, { recursive: true });
      const file = join(inputs, `${name}-${seed}-${index}`);
      writeFileSync(file, input);
      log(`${name} seed ${seed} case ${index} differs; it is ${file}\n${problem}`);
    }
    log(`${name}: ${differences.length} differences; ${Math.round((performance.now() - startedAt) / 1000)} s`);
    return differences.length === 0;
  } finally {
    folder.removeCallback();
  }
}

// Each in a process of its own, so that the memory of one says nothing of the next.
async function runInProcess(name: Name): Promise<void> {
  const numbers = ['--seed', seed, '--from', from, ...(options.runs === undefined ? [] : ['--runs', options.runs])];
  const { exitCode } = await run([process.execPath, fileURLToPath(import.meta.url), name, ...numbers.map(String)], {
    step: `fuzz ${name}`,
    stdio: 'inherit',
    timeoutMs: 24 * 3_600_000,
    okExitCodes: [0, 1],
  });
  if (exitCode !== 0) process.exitCode = 1;
}
