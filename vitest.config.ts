import { defineConfig } from 'vitest/config';

// Tiers: *.test.ts is pure logic and runs anywhere; *.interop.test.ts needs root and the real tools; *.vm.test.ts boots VMs of
// an image that is there.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{xtask,packages/*}/{src,fuzz}/**/*.test.ts'],
          exclude: ['**/*.{interop,vm}.test.ts', '**/node_modules/**'],
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
      {
        test: {
          name: 'vm',
          include: ['xtask/src/**/*.vm.test.ts'],
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
