/**
 * Measures what a call of bootc costs as the image has it, on what looks like a booted host (bench/booted-host.sh; as root), in time of the
 * processor, which other work on the machine disturbs least. Then measures verbs of bootc that find nothing to do, on a system of plain files, as processes with warm caches: `status`, and `upgrade` with
 * nothing new. Run `just bench-bootc`. It fails when one takes longer than it may.
 *
 * The latter are bundled by themselves, without the commands that find and mount disks.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, readToolArguments, run } from '@workbench/run';
import { build } from 'esbuild';
import { makeUpdateSystem, type UpdateSystem } from '../packages/bootc/src/operations/update-system.testing.ts';
import { bootableFiles, writeImageLayout } from '../packages/bootc/src/storage/test-system.testing.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'target/bench-bootc');
const rounds = 11;

const limits = [
  { verb: 'status', limitMs: 150, expected: '"type":"bootcHost"' },
  { verb: 'upgrade', limitMs: 300, expected: 'No changes in: ' },
] as const;

const calls = [
  { args: ['--version'], limitMs: 100 },
  { args: ['status'], limitMs: 220 },
  { args: ['status', '--json'], limitMs: 220 },
] as const;

const callsOfEach = 15;

/** Runs each of the calls many times and returns those that took longer than they may. */
async function measureCalls(system: UpdateSystem): Promise<string[]> {
  const guest = join(folder, 'guest');
  await run([process.execPath, join(root, 'packages/bootc/bundle.ts'), `--output=${guest}`], { step: 'bundle bootc' });
  const onHost = [
    'unshare',
    '-m',
    'sh',
    join(root, 'bench/booted-host.sh'),
    system.directory,
    system.booted.id,
    guest,
  ] as const;
  // The shell's times(1) counts its children, which here are the calls and what they start.
  const script = 'n=$1; shift; while [ $((n -= 1)) -ge 0 ]; do bootc "$@" >/dev/null || exit; done; times';
  const failures: string[] = [];
  for (const { args, limitMs } of calls) {
    const argv = [...onHost, 'sh', '-c', script, 'calls', String(callsOfEach), ...args] as const;
    const { stdout } = await run(argv, { step: `bootc ${args.join(' ')}`, timeoutMs: 300_000 });
    const cpuMs = Math.round(childTimeMs(stdout) / callsOfEach);
    console.log(`bootc ${args.join(' ').padEnd(13)} ${cpuMs} ms of the processor a call; may take ${limitMs} ms`);
    if (cpuMs > limitMs) failures.push(`bootc ${args.join(' ')}`);
  }
  return failures;
}

// Its last line is `0m1.23s 0m0.45s`: of the children, for themselves and in the kernel.
function childTimeMs(text: string): number {
  const times = [...(text.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return times.reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0);
}

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
  const about = 'Measures what calls of bootc cost; fails when they take too long. Needs root.';
  if (readToolArguments({ usage: 'just bench-bootc', about, options: {} }) === undefined) return;
  await rm(folder, { recursive: true, force: true });
  const bundle = await bundleVerb();
  const system = await makeUpdateSystem(writeImageLayout(join(folder, 'image'), bootableFiles('1')));
  const failures: string[] = [];
  try {
    failures.push(...(await measureCalls(system)));
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
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}
