import { afterEach, expect, test, vi } from 'vitest';
import { planWishesOf } from './test-options.ts';

afterEach(() => vi.unstubAllEnvs());

test('plans go on from snapshots, but in CI, and unless something else is said', () => {
  vi.stubEnv('CI', '');
  expect(planWishesOf('localhost/bootc', [], {}).snapshot).toBe(true);
  expect(planWishesOf('localhost/bootc', [], { snapshot: false }).snapshot).toBe(false);
  vi.stubEnv('CI', 'true');
  expect(planWishesOf('localhost/bootc', [], {}).snapshot).toBe(false);
  expect(planWishesOf('localhost/bootc', [], { snapshot: true }).snapshot).toBe(true);
});
