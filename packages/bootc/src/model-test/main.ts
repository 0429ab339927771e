#!/usr/bin/env node
/**
 * The model test for as long as is wanted. Prints the seed, and in the end what happened how often. The exit status is 1 when an
 * invariant did not hold.
 */
import { accessSync, constants } from 'node:fs';
import { CodedError, describeError, readToolArguments } from '@workbench/run';
import { explore } from './explore.testing.ts';
import { Violation } from './invariants.testing.ts';
import { layouts } from './machine.testing.ts';

/** Memory: nothing here is about a disk, and syncing one takes most of the time. */
const memory = '/dev/shm';
const reportEveryMs = 30_000;

function wholeNumber(text: string, name: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 0) return number;
  throw new CodedError('OPTION_INVALID', `--${name} is not a whole number: ${text}`, { exitCode: 2 });
}

async function main(): Promise<void> {
  const given = readToolArguments({
    usage: 'just model-test',
    about: 'Lets machines of plain files live through random steps of bootc, beside a model of what must be true.',
    options: {
      steps: { type: 'string', default: '10000', describe: 'how many, of all layouts together; default: 10000' },
      seed: { type: 'string', describe: 'of an earlier run, to repeat it; default: a new one' },
      layout: { type: 'string', describe: `${layouts.join(' or ')}; default: both` },
    },
  });
  if (given === undefined) return;
  const { values } = given;
  const chosen = layouts.filter((layout) => values.layout === undefined || values.layout === layout);
  if (chosen.length === 0) {
    throw new CodedError('OPTION_INVALID', `--layout is none of ${layouts.join(', ')}: ${values.layout}`, {
      exitCode: 2,
    });
  }
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : wholeNumber(values.seed, 'seed');
  const steps = Math.ceil(wholeNumber(values.steps, 'steps') / chosen.length);
  accessSync(memory, constants.W_OK);
  process.env.TMPDIR = memory;
  for (const layout of chosen) {
    const startedAt = performance.now();
    let reportedAt = startedAt;
    const seconds = (): string => ((performance.now() - startedAt) / 1000).toFixed(0);
    process.stdout.write(`layout ${layout}, ${steps} steps, seed ${seed}\n`);
    const { counts, mutations } = await explore({
      layout,
      steps,
      seed,
      onStep: (done) => {
        if (performance.now() - reportedAt < reportEveryMs) return;
        reportedAt = performance.now();
        process.stdout.write(`  ${done} of ${steps} steps in ${seconds()} s\n`);
      },
    });
    const lines = [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([kind, count]) => `  ${kind} ${count}\n`);
    process.stdout.write(`${lines.join('')}  ${steps} steps, ${mutations} changes of the disk, ${seconds()} s: ok\n`);
  }
}

await main().catch((error: unknown) => {
  const text = error instanceof Violation ? `error: ${error.message}` : describeError(error);
  process.stderr.write(
    `${text}\n${error instanceof Violation && error.cause instanceof Error ? (error.cause.stack ?? '') : ''}\n`,
  );
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
});
