import { expect, test } from 'vitest';
import { createRandom } from './random.ts';
import { makeInput, runCase } from './run-case.ts';
import { targetNames, targets } from './targets/all.ts';

// The first cases of a run of `just fuzz`, always the same ones.
const seed = 20_000;
const cases = 2000;

test.each(targetNames)('%s: what is mutated is read or refused', async (name) => {
  const target = targets[name];
  const corpus = await target.makeCorpus();
  const outcomes = new Set<string>();
  for (let index = 0; index < cases; index++) {
    const input = await makeInput(target, corpus, { seed, index });
    outcomes.add((await runCase(target, input)) ?? 'accepted');
  }
  // Neither is all refused at the first byte, nor is nothing ever wrong.
  expect(outcomes).toContain('accepted');
  expect(outcomes.size).toBeGreaterThan(1);
});

test.each(targetNames)('%s: what a run begins with is accepted, or refused for a reason', async (name) => {
  const target = targets[name];
  for (const input of await target.makeCorpus()) await runCase(target, input);
  expect((await target.makeCorpus()).length).toBeGreaterThan(2);
});

test('a case depends on the seed and its number alone', async () => {
  const target = targets.dumpfile;
  const corpus = await target.makeCorpus();
  const make = (index: number) => makeInput(target, corpus, { seed: 7, index });
  const [first, second] = [await make(1), await make(2)];
  expect(await make(1)).toEqual(first);
  expect(second).not.toEqual(first);
  expect(new Set(Array.from({ length: 100 }, (_, index) => createRandom(1, index).below(1 << 30))).size).toBe(100);
});
