import type { InferredOptionTypes, Options } from 'yargs';

/** What every verb is given beside its arguments. */
export interface VerbContext {
  /** Aborted by a signal, or when nobody reads our output any more: stop, clean up, and throw or return. */
  readonly signal: AbortSignal;
}

/** Options by name, as yargs describes them. */
export type OptionTable = Readonly<Record<string, Options>>;

/** The arguments of a verb as yargs parsed them. */
export type ArgumentsOf<T extends OptionTable> = InferredOptionTypes<T>;

/** One verb of xtask: its positional arguments and options, and what it does. */
export interface Verb<P extends OptionTable, O extends OptionTable> {
  /** Positional arguments in order, as in `<image> [filter..]`. */
  readonly synopsis?: string;
  readonly positionals: P;
  readonly options: O;
  /** Set when its positional arguments are a command: whatever follows the first of them belongs to it, options too. */
  readonly takesCommand?: true;
  /** Pairs of a command line, without `xtask`, and what it is for. */
  readonly examples?: readonly (readonly [string, string])[];
  /** Does the work. Returns the exit status; nothing means 0. */
  readonly run: (args: ArgumentsOf<P> & ArgumentsOf<O>, context: VerbContext) => Promise<number | undefined>;
}

/** Declares a verb; the types of its arguments come from its tables. */
export function defineVerb<const P extends OptionTable, const O extends OptionTable>(verb: Verb<P, O>): AnyVerb {
  return verb as unknown as AnyVerb;
}

/** A verb whose argument types are forgotten, for the table of all verbs. */
export type AnyVerb = Verb<OptionTable, OptionTable>;
