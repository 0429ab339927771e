import type { ImportProgress } from '@workbench/composefs';
import { formatBytes } from './free-space.ts';

const intervalMs = 200;
const barWidth = 24;
const eraseLine = '\r\u001b[K';

/**
 * Shows the progress of an import as one line of a terminal that changes.
 *
 * @param options.write takes text for the terminal.
 * @param options.now milliseconds of a clock that never goes back.
 */
export function makeProgressBar(options: { write(text: string): void; now(): number }) {
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    report: (progress: ImportProgress): void => {
      if (options.now() - lastAt < intervalMs && progress.phase === 'layers') return;
      lastAt = options.now();
      const share = progress.bytesTotal === 0 ? 1 : Math.min(1, progress.bytesDone / progress.bytesTotal);
      const filled = Math.round(share * barWidth);
      const bar = `${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}`;
      const what = progress.phase === 'layers' ? 'Reading layers' : 'Making images';
      const layers = `${progress.layersDone}/${progress.layersTotal}`;
      const bytes = `${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)}`;
      options.write(`${eraseLine}${what} ${layers} [${bar}] ${bytes}`);
    },
    end: (): void => {
      if (lastAt > Number.NEGATIVE_INFINITY) options.write(eraseLine);
    },
  };
}
