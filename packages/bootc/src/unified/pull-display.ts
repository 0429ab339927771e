import type { PullProgress } from './pull-progress.ts';

/** Where the progress of a pull is shown, and the time it goes by. */
export interface PullDisplayOptions {
  write(text: string): void;
  /** Progress is lines that change; otherwise one line now and then. */
  isTerminal: boolean;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

/** Shows the progress of a pull until it is over. */
export interface PullDisplay {
  show(progress: PullProgress): void;
  /** Takes the changing lines away. */
  end(): void;
}

const redrawMs = 100;
const plainMs = 10_000;
const barWidth = 24;
const mostBlobs = 6;

/** Makes a display: in a terminal a bar of all and one of each blob that is being pulled. */
export function createPullDisplay({ write, isTerminal, now }: PullDisplayOptions): PullDisplay {
  let drawnLines = 0;
  let drawnAt = isTerminal ? Number.NEGATIVE_INFINITY : now();
  const erase = (): void => {
    if (drawnLines > 0) write(`\u001b[${drawnLines}A\u001b[J`);
    drawnLines = 0;
  };
  return {
    show(progress) {
      if (now() - drawnAt < (isTerminal ? redrawMs : plainMs)) return;
      drawnAt = now();
      if (!isTerminal) {
        write(`Pulling: ${amount(progress)}\n`);
        return;
      }
      const lines = pullLines(progress);
      erase();
      write(`${lines.join('\n')}\n`);
      drawnLines = lines.length;
    },
    end: erase,
  };
}

/** The lines of a terminal. */
export function pullLines(progress: PullProgress): string[] {
  const active = progress.blobs.filter(({ state }) => state === 'pulling').slice(0, mostBlobs);
  return [
    `Pulling ${bar(progress)} ${amount(progress)}`,
    ...active.map((blob) => `  ${blob.digest.replace(/^sha256:/, '').slice(0, 12)} ${bar(blob)} ${amount(blob)}`),
  ];
}

interface Amount {
  bytesDone: number;
  bytesTotal: number;
}

function bar({ bytesDone, bytesTotal }: Amount): string {
  const filled = bytesTotal === 0 ? 0 : Math.floor((barWidth * bytesDone) / bytesTotal);
  return `[${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}]`;
}

function amount({ bytesDone, bytesTotal }: Amount): string {
  const done = (bytesDone / 1e6).toFixed(1);
  return bytesTotal === 0 ? `${done} MB` : `${done} of ${(bytesTotal / 1e6).toFixed(1)} MB`;
}
