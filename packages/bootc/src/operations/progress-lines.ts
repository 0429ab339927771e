import { fstatSync, writeSync } from 'node:fs';
import type { ImportProgress } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { canonicalJson } from '../deployment/canonical-json.ts';
import type { ProgressLine } from './progress-document.ts';

/** Version of the lines, in the first of them. */
const version = '0.1.0';
const intervalMs = 200;

/** The progress of an import as lines of canonical JSON, for programs. */
export interface ProgressLines {
  report(progress: ImportProgress): void;
}

/**
 * Makes lines of the progress of an import: at most five a second, but the first one, a finished layer, and the end always. A line that
 * cannot be written ends the lines, not the import.
 *
 * @param options.write takes a line with its newline.
 * @param options.now milliseconds of a clock that never goes back.
 */
export function makeProgressLines(options: { write(line: string): void; now(): number }): ProgressLines {
  let isOpen = true;
  let isStarted = false;
  let lastAt = Number.NEGATIVE_INFINITY;
  let layersDone = -1;
  const write = (value: ProgressLine): void => {
    if (!isOpen) return;
    try {
      options.write(`${canonicalJson(value)}\n`);
    } catch {
      isOpen = false;
    }
  };
  return {
    report: (progress) => {
      const isNews = progress.layersDone !== layersDone || progress.phase === 'images';
      if (!isNews && options.now() - lastAt < intervalMs) return;
      if (!isStarted) write({ type: 'Start', version });
      isStarted = true;
      lastAt = options.now();
      layersDone = progress.layersDone;
      write(progressBytes(progress));
    },
  };
}

function progressBytes(progress: ImportProgress): ProgressLine {
  const { bytesDone, bytesTotal, layersDone, layersTotal } = progress;
  return {
    type: 'ProgressBytes',
    task: 'pulling',
    description: 'Pulling composefs image',
    id: 'composefs-pull',
    bytesCached: 0,
    bytes: bytesDone,
    bytesTotal,
    stepsCached: 0,
    steps: layersDone,
    stepsTotal: layersTotal,
    subtasks: [
      {
        subtask: 'composefs_layer',
        description: progress.phase === 'layers' ? 'Reading layers' : 'Making images',
        id: `layer ${Math.min(layersDone + 1, layersTotal)} of ${layersTotal}`,
        bytesCached: 0,
        bytes: bytesDone,
        bytesTotal,
      },
    ],
  };
}

/**
 * Where the lines for `--progress-fd` go: a descriptor that this process was started with.
 *
 * @throws CodedError `PROGRESS_FD_INVALID` for standard input, output or error, and for anything that is no open pipe.
 */
export function openProgressDescriptor(text: string): (line: string) => void {
  const fd = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
  const invalid = (why: string): CodedError =>
    new CodedError('PROGRESS_FD_INVALID', `--progress-fd ${text}: ${why}`, {
      hint: 'name the writing end of a pipe, 3 or above: bootc upgrade --progress-fd 3 3>FIFO',
    });
  if (Number.isNaN(fd)) throw invalid('it is no number');
  if (fd <= 2) throw invalid('standard input, output and error are taken');
  const stats = statsOf(fd);
  if (stats === undefined) throw invalid('it is not open');
  if (!stats.isFIFO()) throw invalid('it is no pipe');
  return (line) => {
    const bytes = Buffer.from(line);
    for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
  };
}

function statsOf(fd: number) {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}
