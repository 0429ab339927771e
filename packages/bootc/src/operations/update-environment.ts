import type { ImportProgress } from '@workbench/composefs';

/** What an update needs of the world around it, beside the storage. */
export interface UpdateEnvironment {
  /** A line on standard output. */
  print(line: string): void;
  /** A line about something odd. */
  warn(line: string): void;
  /** Has the staged deployment finalized when the system goes down. */
  startFinalizer(): Promise<void>;
  onImport?(progress: ImportProgress): void;
  signal?: AbortSignal;
}
