/** The steps of an installation in their order, and roughly how much of the whole time each takes. */
export const installSteps = [
  { step: 'prepare', title: 'Check image and disk', weight: 2 },
  { step: 'partition', title: 'Partition disk', weight: 3 },
  { step: 'format', title: 'Make file systems', weight: 5 },
  { step: 'import', title: 'Import image', weight: 70 },
  { step: 'boot-loader', title: 'Install boot loader', weight: 5 },
  { step: 'deploy', title: 'Write kernel and boot entry', weight: 8 },
  { step: 'finish', title: 'Sync and unmount', weight: 7 },
] as const;
export type InstallStep = (typeof installSteps)[number]['step'];

/** What an installation tells whoever watches it. */
export interface InstallUi {
  /** A line of the result: what is installed, where. */
  print(line: string): void;
  /** A line about something odd that does not stop the installation. */
  warn(line: string): void;
  /** The step before is finished, this one begins. */
  begin(step: InstallStep): void;
  /** How far the running step is; any unit that grows, bytes for `import`. */
  advance(done: number, total: number): void;
  /** The last step is finished, or the installation failed. Nothing is reported after it. */
  end(outcome: 'done' | 'failed'): void;
}

/** One line of the progress for programs, as `BOOTC_INSTALL_PROGRESS` gets it. */
export interface ProgressRecord {
  step: InstallStep | 'done' | 'failed';
  /** Of the whole installation, 0 to 100, never falling. */
  percent: number;
  bytesDone: number;
  bytesTotal: number;
}

/** Where an InstallUi writes, and the time it measures by. */
export interface InstallUiOptions {
  /** Standard output. */
  writeOutput(text: string): void;
  /** Standard error. */
  writeError(text: string): void;
  /** Standard error is a terminal: progress is one line that changes. */
  isTerminal: boolean;
  /** Gets one JSON line for each change, at most five a second within a step. */
  writeRecord?(line: string): void;
  /** Milliseconds of a clock that never goes back. */
  now(): number;
}

const recordIntervalMs = 200;
const plainIntervalMs = 10_000;
const barWidth = 24;
const eraseLine = '\r\u001b[K';

/**
 * Shows an installation: on a terminal as one line that changes, else as lines without times of day, since whoever keeps
 * the log adds those. Beside it, for programs, as JSON lines.
 */
export function createInstallUi(options: InstallUiOptions): InstallUi {
  const { now } = options;
  const totalWeight = installSteps.reduce((sum, { weight }) => sum + weight, 0);
  let index = -1;
  let startedAt = now();
  let fraction = 0;
  let bytes = { done: 0, total: 0 };
  let recordedAt = Number.NEGATIVE_INFINITY;
  let shownAt = startedAt;
  let hasLine = false;

  const current = () => installSteps[index];
  const elapsed = (): string => formatSeconds(now() - startedAt);
  const clearLine = (): void => {
    if (hasLine) options.writeError(eraseLine);
    hasLine = false;
  };
  const label = (): string => `[${index + 1}/${installSteps.length}] ${current()?.title ?? ''}`;

  const record = (step: ProgressRecord['step']): void => {
    if (options.writeRecord === undefined) return;
    const before = installSteps.slice(0, Math.max(index, 0)).reduce((sum, { weight }) => sum + weight, 0);
    const reached = before + (current()?.weight ?? 0) * fraction;
    const percent = step === 'done' ? 100 : Math.floor((100 * reached) / totalWeight);
    const line: ProgressRecord = { step, percent, bytesDone: bytes.done, bytesTotal: bytes.total };
    options.writeRecord(`${JSON.stringify(line)}\n`);
    recordedAt = now();
  };

  const showLine = (): void => {
    const filled = Math.round(fraction * barWidth);
    const bar = fraction === 0 ? '' : ` [${'#'.repeat(filled)}${' '.repeat(barWidth - filled)}]`;
    const size = bytes.total === 0 ? '' : ` ${formatMegabytes(bytes)}`;
    options.writeError(`${eraseLine}${label()}${bar}${size} ${elapsed()}`);
    hasLine = true;
  };

  const finishStep = (): void => {
    if (index < 0) return;
    clearLine();
    const size = bytes.total === 0 ? '' : `, ${formatMegabytes({ done: bytes.total, total: bytes.total })}`;
    options.writeError(`${label()}: done in ${elapsed()}${size}\n`);
  };

  return {
    print: (line) => {
      clearLine();
      options.writeOutput(`${line}\n`);
    },
    warn: (line) => {
      clearLine();
      options.writeError(`warning: ${line}\n`);
    },
    begin: (step) => {
      finishStep();
      index = installSteps.findIndex((candidate) => candidate.step === step);
      startedAt = now();
      shownAt = startedAt;
      fraction = 0;
      bytes = { done: 0, total: 0 };
      if (options.isTerminal) showLine();
      record(step);
    },
    advance: (done, total) => {
      const step = current();
      if (step === undefined || total <= 0) return;
      fraction = Math.max(fraction, Math.min(1, done / total));
      if (step.step === 'import') bytes = { done, total };
      if (options.isTerminal && now() - shownAt >= recordIntervalMs) {
        showLine();
        shownAt = now();
      } else if (!options.isTerminal && now() - shownAt >= plainIntervalMs) {
        const size = bytes.total === 0 ? '' : ` ${formatMegabytes(bytes)},`;
        options.writeError(`${label()}: ${Math.floor(fraction * 100)} %,${size} ${elapsed()}\n`);
        shownAt = now();
      }
      if (now() - recordedAt >= recordIntervalMs) record(step.step);
    },
    end: (outcome) => {
      if (outcome === 'done') finishStep();
      else {
        clearLine();
        if (index >= 0) options.writeError(`${label()}: failed after ${elapsed()}\n`);
      }
      record(outcome);
      index = -1;
    },
  };
}

function formatSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}

function formatMegabytes(bytes: { done: number; total: number }): string {
  const total = `${Math.round(bytes.total / 1e6)} MB`;
  return bytes.done >= bytes.total ? total : `${Math.round(bytes.done / 1e6)} of ${total}`;
}
