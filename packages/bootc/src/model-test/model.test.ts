import { expect, test } from 'vitest';
import { explore } from './explore.testing.ts';
import { layouts } from './machine.testing.ts';

// Each run is another life; the seed is in the message of a failure. `just model-test` runs for long.
test.each(layouts)('whatever happens to a machine, it boots (%s)', { timeout: 120_000 }, async (layout) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { counts } = await explore({ layout, steps: 120, seed });
  expect([...counts.values()].reduce((sum, count) => sum + count, 0)).toBe(120);
});
