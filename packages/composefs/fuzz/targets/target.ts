import type { Random } from '../random.ts';

/** A parser under test. */
export interface FuzzTarget {
  /** Valid inputs to begin with. */
  makeCorpus(): Promise<Buffer[]>;
  /** Repairs an input after it was changed, such as checksums, so that more than the first check is reached. */
  repair?(input: Buffer, random: Random): Buffer | Promise<Buffer>;
  /** Parses an input, and checks what must hold of anything that is accepted. */
  parse(input: Buffer): void | Promise<void>;
  /** Codes of the errors that an input may be refused with. Anything else that is thrown is a failure. */
  refusals: readonly string[];
}
