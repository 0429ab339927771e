import type { Phases } from '../progress/phases.ts';
import type { Folders } from './folders.ts';

/** What every command works with. */
export interface Context {
  env: NodeJS.ProcessEnv;
  folders: Folders;
  phases: Phases;
  /** Aborted by SIGINT, SIGTERM and SIGHUP. */
  signal: AbortSignal;
  /** Prints data, and nothing else, to standard output. */
  print(line: string): void;
}
