import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';

/** What a command took, as the kernel counted it for the process and its children. */
export interface CommandTime {
  wallMs: number;
  /** Of several runs, that of the fastest. */
  leastWallMs: number;
  cpuMs: number;
  peakBytes: number;
  stdout: string;
}

/** Runs a command under time(1). */
export async function timeCommand(argv: readonly [string, ...string[]], step: string): Promise<CommandTime> {
  const folder = await mkdtemp(join(tmpdir(), 'time-'));
  try {
    const report = join(folder, 'report');
    const startedAt = performance.now();
    const { stdout } = await run(['/usr/bin/time', '--format=%U %S %M', `--output=${report}`, ...argv], {
      step,
      timeoutMs: 900_000,
    });
    const wallMs = performance.now() - startedAt;
    const [user, system, kibibytes] = (await readFile(report, 'utf8')).trim().split(' ').map(Number);
    return {
      wallMs,
      leastWallMs: wallMs,
      cpuMs: ((user ?? 0) + (system ?? 0)) * 1000,
      peakBytes: (kibibytes ?? 0) * 1024,
      stdout,
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The middle one of the times by the clock, with the highest peak of memory. */
export function medianTime(times: readonly CommandTime[]): CommandTime {
  const sorted = times.toSorted((a, b) => a.wallMs - b.wallMs);
  const middle = sorted[Math.floor(sorted.length / 2)] as CommandTime;
  const leastWallMs = Math.min(...times.map(({ wallMs }) => wallMs));
  return { ...middle, leastWallMs, peakBytes: Math.max(...times.map(({ peakBytes }) => peakBytes)) };
}
