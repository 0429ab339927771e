import { expect, test } from 'vitest';
import { formatDuration, plainRenderer } from './plain-renderer.ts';
import { listenToSteps, note, progress, runSteps, type StepRecord, skipStep, step } from './step.ts';

function tick(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('steps nest by the flow of the program, parallel ones are siblings, and all is recorded', async () => {
  const steps: StepRecord[] = [];
  const lines: string[] = [];
  const listener = plainRenderer((line) => lines.push(line.slice(9)));
  await listenToSteps(
    listener,
    () =>
      step('run', async () => {
        note('bcvk: bundled');
        await Promise.all([step('a', tick), step('b', tick)]);
        skipStep('base', 'the image is there');
      }),
    steps,
  );
  expect(steps).toMatchObject([
    {
      title: 'run',
      outcome: 'done',
      notes: ['bcvk: bundled'],
      steps: [
        { title: 'a', outcome: 'done', steps: [] },
        { title: 'b', outcome: 'done', steps: [] },
        { title: 'base', outcome: 'skipped', notes: ['the image is there'] },
      ],
    },
  ]);
  expect(lines.map((line) => line.replace(/\d+\.\d s/, 'T'))).toEqual([
    'run: started',
    'run: bcvk: bundled',
    'run > a: started',
    'run > b: started',
    'run > a: done after T',
    'run > b: done after T',
    'run > base: not needed, the image is there',
    'run: done after T',
  ]);
});

test('a failure ends runSteps, is recorded with its time, and is passed on unchanged', async () => {
  const steps: StepRecord[] = [];
  const failure = new Error('no');
  const run = listenToSteps(
    () => {},
    () =>
      runSteps([
        { title: 'first', skip: 'cached', run: () => expect.unreachable() },
        { title: 'second', run: () => Promise.reject(failure) },
        { title: 'third', run: () => expect.unreachable() },
      ]),
    steps,
  );
  await expect(run).rejects.toBe(failure);
  expect(steps.map(({ title, outcome }) => `${title} ${outcome}`)).toEqual(['first skipped', 'second failed']);
});

test('steps work without anyone listening', async () => {
  skipStep('nothing', 'nobody looks');
  note('nobody reads this');
  expect(await step('quiet', () => 7)).toBe(7);
});

test('plain progress gives a sign of life every 15 seconds, not every line', async () => {
  let now = Date.now();
  const lines: string[] = [];
  await listenToSteps(
    plainRenderer(
      (line) => lines.push(line.slice(9)),
      () => now,
    ),
    () =>
      step('copy', () => {
        for (let second = 0; second <= 35; second++) {
          progress(`${second} MiB`);
          now += 1000;
        }
      }),
  );
  expect(lines.filter((line) => line.endsWith('MiB'))).toHaveLength(2);
});

test('durations are written for people', () => {
  expect([400, 42_040, 59_999, 185_000].map(formatDuration)).toEqual(['0.4 s', '42.0 s', '60.0 s', '3 min 05 s']);
});
