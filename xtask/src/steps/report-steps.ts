import { plainRenderer } from './plain-renderer.ts';
import { listenToSteps, type StepRecord } from './step.ts';

/** Where and how steps are shown. */
export interface ReportOptions {
  /** Default: standard error, so that standard output holds the result alone. */
  stream?: NodeJS.WriteStream;
  /** `live` repaints a list, `plain` writes lines. Default: `live` on a terminal outside of CI. */
  style?: 'live' | 'plain';
  /** Filled with the records as they begin; the caller can read it also when `work` throws. */
  steps?: StepRecord[];
}

/** Runs `work` and shows the steps inside it. The same events feed both styles. */
export async function reportSteps<T>(work: () => Promise<T>, options: ReportOptions = {}): Promise<T> {
  const stream = options.stream ?? process.stderr;
  const style = options.style ?? (stream.isTTY && process.env.CI === undefined ? 'live' : 'plain');
  if (style === 'plain') {
    return listenToSteps(
      plainRenderer((line) => stream.write(`${line}\n`)),
      work,
      options.steps,
    );
  }
  // listr2 costs 100 ms to load; a plain log does without it.
  const { liveRenderer } = await import('./live-renderer.ts');
  await using renderer = await liveRenderer(stream);
  return await listenToSteps(renderer.listener, work, options.steps);
}
