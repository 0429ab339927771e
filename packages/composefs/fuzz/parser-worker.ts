import { setImmediate } from 'node:timers/promises';
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
// Some memory of decompressors is only given back between turns of the event loop, which parsers that wait for nothing never end.
const casesInTurn = 100;
for (let index = from; index < to; index++) {
  Atomics.store(current, 0, index);
  if (index % casesInTurn === 0) await setImmediate();
  try {
    const outcome = (await runCase(target, await makeInput(target, corpus, { seed, index }))) ?? 'accepted';
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    report({ kind: 'failed', index, problem: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}
report({ kind: 'done', outcomes });
