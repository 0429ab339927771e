import type { ImportProgress } from '@workbench/composefs';
import { makeProgressBar } from './progress-bar.ts';
import { makeProgressLines, openProgressDescriptor } from './progress-lines.ts';

/** Shows the progress of an import to whoever wants to see it. */
export interface ImportReporter extends Disposable {
  report(progress: ImportProgress): void;
  /** Takes the line away from the terminal, before something else is printed. */
  pause(): void;
}

/**
 * Progress on the terminal, if standard error is one, and as lines of JSON on a descriptor.
 *
 * @throws CodedError `PROGRESS_FD_INVALID`.
 */
export function makeReporter(options: { isQuiet: boolean; progressFd?: string | undefined }): ImportReporter {
  const now = () => performance.now();
  const lines =
    options.progressFd === undefined
      ? undefined
      : makeProgressLines({ write: openProgressDescriptor(options.progressFd), now });
  const bar =
    options.isQuiet || !process.stderr.isTTY
      ? undefined
      : makeProgressBar({ write: (text) => void process.stderr.write(text), now });
  const pause = (): void => bar?.end();
  return {
    report: (progress) => {
      lines?.report(progress);
      bar?.report(progress);
    },
    pause,
    [Symbol.dispose]: pause,
  };
}
