import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type RunResult, run } from '@workbench/run';

/** What a command cost. */
export interface Cost {
  durationMs: number;
  /** Of the command and all it waited for, on all processors. */
  cpuMs: number;
  /** Bytes that reached the device, until all was on it. */
  writtenBytes: number;
  /** Highest sum of the resident memory of the command and all it started. */
  peakBytes: number;
}

/** Runs a command that works on a mounted file system, and measures it; the file system is synced before and after. */
export async function measureCommand(
  argv: readonly [string, ...string[]],
  options: { step: string; mount: string; device: string },
): Promise<{ cost: Cost; result: RunResult }> {
  const { step, mount, device } = options;
  const sync = () => run(['sync', '--file-system', mount], { step: 'sync' });
  await sync();
  const before = await readWrittenBytes(device);
  let peakBytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const folder = mkdtempSync(join(tmpdir(), 'measure-'));
  const report = join(folder, 'cpu');
  const startedAt = performance.now();
  try {
    const result = await run(['/usr/bin/time', '--format=%U %S', `--output=${report}`, ...argv], {
      step,
      timeoutMs: 900_000,
      onStart: (pid) => {
        timer = setInterval(() => {
          peakBytes = Math.max(peakBytes, residentBytes(pid));
        }, 50);
      },
    });
    await sync();
    const durationMs = performance.now() - startedAt;
    const [user, system] = readFileSync(report, 'utf8').trim().split(' ').map(Number) as [number, number];
    const writtenBytes = (await readWrittenBytes(device)) - before;
    return { cost: { durationMs, cpuMs: (user + system) * 1000, writtenBytes, peakBytes }, result };
  } finally {
    rmSync(folder, { recursive: true });
    clearInterval(timer);
  }
}

// Field 7 counts sectors of 512 bytes (Documentation/block/stat.rst).
async function readWrittenBytes(device: string): Promise<number> {
  const name = basename(await readlink(device).catch(() => device));
  const fields = readFileSync(`/sys/class/block/${name}/stat`, 'utf8').trim().split(/\s+/);
  return Number(fields[6]) * 512;
}

function residentBytes(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const own = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter((word) => word !== ''),
    );
    return children.reduce((sum, child) => sum + residentBytes(Number(child)), own);
  } catch {
    // It ended meanwhile.
    return 0;
  }
}
