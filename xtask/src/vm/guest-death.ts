import { CodedError } from '@workbench/run';
import type { BootPhase, FailureClass } from './console-patterns.ts';

/** How a guest came to its end. */
export interface DeathDetails {
  /** Whose fault it is. */
  class: FailureClass;
  /** What the guest was in when it died. */
  phase: BootPhase | undefined;
  /** The line or state that proves it. */
  evidence: string;
  /** The last lines of its console. */
  consoleTail: readonly string[];
  hint?: string;
}

/** The guest is dead, or will never become ready. */
export class GuestDeath extends CodedError {
  readonly class: FailureClass;
  readonly phase: BootPhase | undefined;
  readonly evidence: string;
  readonly consoleTail: readonly string[];

  constructor(code: string, message: string, details: DeathDetails) {
    super(code, message, details.hint === undefined ? {} : { hint: details.hint });
    this.name = 'GuestDeath';
    this.class = details.class;
    this.phase = details.phase;
    this.evidence = details.evidence;
    this.consoleTail = details.consoleTail;
  }
}
