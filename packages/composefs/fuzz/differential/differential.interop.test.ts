import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { type ComparisonName, comparisons } from './all.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'differential-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());

// The first cases of a run of `just fuzz`, always the same ones.
const seed = 30_000;
const cases: [name: ComparisonName, runs: number][] = [
  ['cfsctl-dumpfiles', 80],
  ['cfsctl-folders', 50],
  ['cfsctl-images', 15],
  ['cfsctl-repositories', 4],
];

test.each(cases)('%s: %d cases are the same', async (name, runs) => {
  const differences = await comparisons[name].compare({ seed, from: 0, to: runs, folder: folder.name });
  expect(differences.map(({ index, problem }) => `case ${index}: ${problem}`)).toEqual([]);
});
