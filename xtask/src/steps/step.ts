import { AsyncLocalStorage } from 'node:async_hooks';

/** How a step stands. */
export type StepOutcome = 'running' | 'done' | 'failed' | 'skipped';

/** One named piece of work with its time and what happened inside it. Plain data: it goes into timings.json as it is. */
export interface StepRecord {
  readonly title: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  durationMs: number;
  outcome: StepOutcome;
  /** Lines worth keeping: decisions, choices, reasons. */
  readonly notes: string[];
  readonly steps: StepRecord[];
}

/** What a renderer is told. `path` leads from the outermost step to the one the event is about, which is its last. */
export type StepEvent =
  | { kind: 'start' | 'end'; path: readonly StepRecord[] }
  | { kind: 'note' | 'progress'; path: readonly StepRecord[]; text: string };

/** Receives every event of every step, in order. */
export type StepListener = (event: StepEvent) => void;

interface StepScope {
  readonly path: readonly StepRecord[];
  /** Where a step that starts here is recorded. */
  readonly siblings: StepRecord[];
  readonly listener: StepListener;
}

const scopes = new AsyncLocalStorage<StepScope>();

/**
 * Runs `work` as a named step inside whatever step is running now, and records its duration. Steps nest by the flow of
 * the program, also across `await`, so steps that run at the same time under `Promise.all` are siblings.
 *
 * @throws what `work` throws; the step is then recorded as failed.
 */
export async function step<T>(title: string, work: (self: StepRecord) => T | Promise<T>): Promise<T> {
  const scope = scopes.getStore();
  const record = newRecord(title, 'running');
  scope?.siblings.push(record);
  const inner: StepScope = {
    path: [...(scope?.path ?? []), record],
    siblings: record.steps,
    listener: scope?.listener ?? (() => {}),
  };
  const startedAt = performance.now();
  inner.listener({ kind: 'start', path: inner.path });
  const finish = (outcome: StepOutcome): void => {
    record.outcome = outcome;
    record.durationMs = Math.round(performance.now() - startedAt);
    inner.listener({ kind: 'end', path: inner.path });
  };
  try {
    const result = await scopes.run(inner, async () => work(record));
    finish('done');
    return result;
  } catch (error) {
    finish('failed');
    throw error;
  }
}

/** Records a step that is not needed, with the reason as its note. */
export function skipStep(title: string, reason: string): void {
  const scope = scopes.getStore();
  if (scope === undefined) return;
  const record = newRecord(title, 'skipped');
  record.notes.push(reason);
  scope.siblings.push(record);
  scope.listener({ kind: 'end', path: [...scope.path, record] });
}

/** Keeps one line with the running step: a choice and its reason, a path, a count. It stays on the screen. */
export function note(text: string): void {
  const scope = scopes.getStore();
  if (scope === undefined) return;
  scope.path.at(-1)?.notes.push(text);
  scope.listener({ kind: 'note', path: scope.path, text });
}

/** Says how far the running step is. Each call replaces the one before; nothing is recorded. */
export function progress(text: string): void {
  const scope = scopes.getStore();
  scope?.listener({ kind: 'progress', path: scope.path, text });
}

/** The steps so far beside the one that would start here: what was done before. */
export function recordedSteps(): readonly StepRecord[] {
  return scopes.getStore()?.siblings ?? [];
}

/** One entry of `runSteps`. */
export interface PlannedStep {
  title: string;
  /** The reason why this step is not needed. */
  skip?: string | undefined;
  run: () => unknown;
}

/** Runs steps one after another; the first that throws ends it. */
export async function runSteps(steps: readonly PlannedStep[]): Promise<void> {
  for (const planned of steps) {
    if (planned.skip === undefined) await step(planned.title, planned.run);
    else skipStep(planned.title, planned.skip);
  }
}

/**
 * Runs `work` so that its steps are reported to `listener` and recorded in `steps`, which the caller can read also when
 * `work` throws.
 */
export async function listenToSteps<T>(
  listener: StepListener,
  work: () => Promise<T>,
  steps: StepRecord[] = [],
): Promise<T> {
  return scopes.run({ path: [], siblings: steps, listener }, work);
}

function newRecord(title: string, outcome: StepOutcome): StepRecord {
  return { title, startedAt: new Date().toISOString(), durationMs: 0, outcome, notes: [], steps: [] };
}
