import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { makeInput } from './run-case.ts';
import { type TargetName, targets } from './targets/all.ts';

/** What a worker is to do. */
export interface WorkerJob {
  name: TargetName;
  seed: number;
  /** Numbers of the cases, `to` left out. */
  from: number;
  to: number;
  /** Four bytes: the number of the case that is under way. */
  progress: SharedArrayBuffer;
}

/** What a worker says. */
export type WorkerReport =
  | { kind: 'failed'; index: number; problem: string }
  | { kind: 'done'; outcomes: Record<string, number> };

/** A case that went wrong, and the file with its input. */
export interface Failure {
  index: number;
  problem: string;
  file: string;
}

/** How a run of one parser went. */
export interface FuzzReport {
  outcomes: Record<string, number>;
  failures: Failure[];
  /** The most memory that the process had at any time. */
  peakBytes: number;
  durationMs: number;
}

const memoryLimitBytes = 256 * 1024 * 1024;
const caseLimitMs = 10_000;
const watchMs = 100;
const mostFailures = 10;

/**
 * Runs a parser on mutated inputs, in a thread that is ended when one input takes longer than ten seconds, or the process
 * more than 256 MB; then it goes on with the next one. Failing inputs are written to `folder`.
 */
export async function fuzzParser(
  name: TargetName,
  options: { seed: number; from: number; runs: number; folder: string; log: (line: string) => void },
): Promise<FuzzReport> {
  const { seed, folder, log } = options;
  const startedAt = performance.now();
  const end = options.from + options.runs;
  const report: FuzzReport = { outcomes: {}, failures: [], peakBytes: 0, durationMs: 0 };
  const corpus = await targets[name].makeCorpus();
  const fail = async (index: number, problem: string): Promise<void> => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, `${name}-${seed}-${index}`);
    writeFileSync(file, await makeInput(targets[name], corpus, { seed, index }));
    report.failures.push({ index, problem, file });
    log(`${name} seed ${seed} case ${index} failed; its input is ${file}\n${problem}`);
  };
  for (let from = options.from; from < end && report.failures.length < mostFailures; ) {
    const outcome = await watchWorker({ name, seed, from, to: end }, report, fail);
    from = outcome.kind === 'ended' ? end : outcome.index + 1;
    if (outcome.kind === 'killed') await fail(outcome.index, outcome.problem);
    // What a process took once it does not give back, so that no later case could be judged.
    if (process.memoryUsage().rss > memoryLimitBytes) break;
  }
  return { ...report, durationMs: performance.now() - startedAt };
}

type WorkerEnd = { kind: 'ended' } | { kind: 'killed'; index: number; problem: string };

function watchWorker(
  job: Omit<WorkerJob, 'progress'>,
  report: FuzzReport,
  fail: (index: number, problem: string) => Promise<void>,
): Promise<WorkerEnd> {
  const progress = new SharedArrayBuffer(4);
  const current = new Int32Array(progress);
  Atomics.store(current, 0, job.from);
  const worker = new Worker(new URL('./parser-worker.ts', import.meta.url), {
    workerData: { ...job, progress },
    // Small, so that memory in use is what the parser needs, not what was not collected yet.
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
  });
  return new Promise((resolve, reject) => {
    let pending: Promise<unknown> = Promise.resolve();
    let seen = { index: -1, at: performance.now() };
    const finish = (end: WorkerEnd): void => {
      clearInterval(timer);
      void worker.terminate();
      pending.then(() => resolve(end), reject);
    };
    const kill = (problem: string) => finish({ kind: 'killed', index: Atomics.load(current, 0), problem });
    const timer = setInterval(() => {
      const { rss } = process.memoryUsage();
      report.peakBytes = Math.max(report.peakBytes, rss);
      if (rss > memoryLimitBytes) kill(`${Math.round(rss / 1024 / 1024)} MiB of memory are in use`);
      const index = Atomics.load(current, 0);
      if (index !== seen.index) seen = { index, at: performance.now() };
      else if (performance.now() - seen.at > caseLimitMs) kill(`it takes more than ${caseLimitMs / 1000} s`);
    }, watchMs);
    worker.on('message', (message: WorkerReport) => {
      if (message.kind === 'failed') {
        pending = pending.then(() => fail(message.index, message.problem));
        return;
      }
      for (const [outcome, count] of Object.entries(message.outcomes)) {
        report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + count;
      }
      finish({ kind: 'ended' });
    });
    worker.on('error', (error) => kill(error instanceof Error ? (error.stack ?? error.message) : String(error)));
    worker.on('exit', () => kill('its thread ended, waiting for something that never comes'));
  });
}
