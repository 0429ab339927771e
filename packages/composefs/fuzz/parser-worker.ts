import { parentPort, workerData } from 'node:worker_threads';
import type { WorkerJob, WorkerReport } from './fuzz-parser.ts';
import { makeInput, runCase } from './run-case.ts';
import { targets } from './targets/all.ts';

// The thread that a parser runs in: whoever started it sees by the shared number which case is under way, and can end it.
const { name, seed, from, to, progress } = workerData as WorkerJob;
const report = (message: WorkerReport) => parentPort?.postMessage(message);
const current = new Int32Array(progress);
const target = targets[name];
const corpus = await target.makeCorpus();
const outcomes: Record<string, number> = {};
for (let index = from; index < to; index++) {
  Atomics.store(current, 0, index);
  try {
    const outcome = (await runCase(target, await makeInput(target, corpus, { seed, index }))) ?? 'accepted';
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    report({ kind: 'failed', index, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
report({ kind: 'done', outcomes });
