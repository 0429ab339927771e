/**
 * Measures verbs of bootc that find nothing to do, on a system of plain files, as processes with warm caches: `status`, and `upgrade` with
 * nothing new. Run `just bench-bootc`. It fails when one takes longer than it may.
 *
 * They are bundled as the program in the image is, so that what is measured is what a machine runs, without the commands that find
 * and mount its disks.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, run } from '@workbench/run';
import { build } from 'esbuild';
import { makeUpdateSystem } from '../packages/bootc/src/operations/update-system.testing.ts';
import { bootableFiles, writeImageLayout } from '../packages/bootc/src/storage/test-system.testing.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'target/bench-bootc');
const rounds = 11;

const limits = [
  { verb: 'status', limitMs: 150, expected: '"type":"bootcHost"' },
  { verb: 'upgrade', limitMs: 300, expected: 'No changes in: ' },
] as const;

async function bundleVerb(): Promise<string> {
  const bundle = join(folder, 'bootc-verb.mjs');
  await build({
    entryPoints: [join(root, 'bench/bootc-verb.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    banner: {
      js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
    },
    logLevel: 'error',
  });
  return bundle;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  const bundle = await bundleVerb();
  const system = await makeUpdateSystem(writeImageLayout(join(folder, 'image'), bootableFiles('1')));
  const failures: string[] = [];
  try {
    for (const { verb, limitMs, expected } of limits) {
      const times: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const argv = [process.execPath, bundle, verb, system.directory, system.booted.id] as const;
        const { stdout, durationMs } = await run(argv, {
          step: verb,
          env: { NODE_COMPILE_CACHE: join(folder, 'compile-cache') },
        });
        if (!stdout.includes(expected)) throw new Error(`${verb} printed ${stdout}`);
        times.push(durationMs);
      }
      const least = Math.min(...times);
      console.log(
        `${verb.padEnd(8)} ${median(times)} ms, median of ${rounds}; least ${least} ms; may take ${limitMs} ms`,
      );
      if (median(times) > limitMs) failures.push(verb);
    }
  } finally {
    await rm(system.directory, { recursive: true, force: true });
  }
  if (failures.length > 0) {
    throw new CodedError('TOO_SLOW', `too slow: ${failures.join(', ')}`, {
      hint: 'measure again on a machine that does nothing else, then profile: node --cpu-prof',
    });
  }
  await rm(folder, { recursive: true, force: true });
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
