import { defineConfig } from 'vitest/config';

// Two tiers: *.test.ts is pure logic and runs anywhere; *.interop.test.ts needs root and the real tools.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{xtask,packages/*}/{src,fuzz}/**/*.test.ts'],
          exclude: ['**/*.interop.test.ts', '**/node_modules/**'],
          globalSetup: ['vitest.temporary-folder.ts'],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['{xtask,packages/*}/{src,fuzz}/**/*.interop.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
