import type { StepEvent, StepListener } from './step.ts';

/** A step's progress is printed at most this often; a CI log needs a sign of life, not a picture of it. */
const progressEveryMs = 15_000;

/**
 * A listener that writes one line per event, each with the UTC time and the whole path of its step, so that lines of
 * steps that run at the same time can be told apart.
 *
 * @param write takes one line without its newline.
 * @param now the clock, in milliseconds since the epoch.
 */
export function plainRenderer(write: (line: string) => void, now: () => number = Date.now): StepListener {
  const lastProgress = new WeakMap<object, number>();
  return (event) => {
    const at = now();
    const self = event.path.at(-1);
    if (event.kind === 'progress' && self !== undefined) {
      if (at - (lastProgress.get(self) ?? Date.parse(self.startedAt)) < progressEveryMs) return;
      lastProgress.set(self, at);
    }
    const where = event.path.map(({ title }) => title).join(' > ');
    write(`${new Date(at).toISOString().slice(11, 19)} ${where === '' ? '' : `${where}: `}${whatHappened(event)}`);
  };
}

function whatHappened(event: StepEvent): string {
  if (event.kind === 'note' || event.kind === 'progress') return event.text;
  if (event.kind === 'start') return 'started';
  const self = event.path.at(-1);
  if (self === undefined) return '';
  if (self.outcome === 'skipped') return `not needed, ${self.notes.join(', ')}`;
  return `${self.outcome} after ${formatDuration(self.durationMs)}`;
}

/** A duration for people: `0.4 s`, `42.0 s`, `3 min 05 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 60_000) return `${(durationMs / 1000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, '0')} s`;
}
