import { expect, test } from 'vitest';
import { availableMemoryMiB, countSlots, resourcesOf } from './plan-slots.ts';

const machine = { availableMiB: 32_000, processors: 8, memoryMiB: 4096, vcpus: 2, wanted: undefined };

test.each([
  [{}, 4],
  [{ availableMiB: 12_000 }, 2],
  [{ availableMiB: 1000 }, 1],
  [{ processors: 2 }, 1],
  [{ processors: 1 }, 1],
  [{ wanted: 3 }, 3],
  [{ wanted: 100 }, 6],
  [{ memoryMiB: 1536, vcpus: 1 }, 8],
  [{ processors: 2, ...resourcesOf([], 'tcg') }, 2],
])('%j', (change, slots) => {
  expect(countSlots({ ...machine, ...change })).toBe(slots);
});

test('memory and processors are read where they are said', () => {
  expect(availableMemoryMiB('MemTotal: 100 kB\nMemAvailable:   2097152 kB\n')).toBe(2048);
  expect(resourcesOf(['--memory=1536M', '--cpus=1', '--karg=x'], 'kvm')).toEqual({ memoryMiB: 1536, vcpus: 1 });
  expect(resourcesOf(['--memory=8G'], undefined)).toEqual({ memoryMiB: 8192, vcpus: 2 });
  expect(resourcesOf([], 'kvm')).toEqual({ memoryMiB: 4096, vcpus: 2 });
  expect(resourcesOf(['--cpus=4'], 'tcg')).toEqual({ memoryMiB: 4096, vcpus: 1 });
});
