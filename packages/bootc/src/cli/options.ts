import type { Options } from 'yargs';

/** What an option may have beside its description. */
interface Extra {
  /** Accepted, but not shown in the help. */
  hidden?: boolean;
  alias?: string;
  conflicts?: readonly string[];
  defaultDescription?: string;
  demandOption?: true;
}

function rest(extra: Extra): Pick<Options, 'hidden' | 'alias' | 'conflicts' | 'defaultDescription' | 'demandOption'> {
  return {
    ...(extra.hidden === true ? { hidden: true } : {}),
    ...(extra.alias === undefined ? {} : { alias: extra.alias }),
    ...(extra.conflicts === undefined ? {} : { conflicts: extra.conflicts }),
    ...(extra.demandOption === undefined ? {} : { demandOption: extra.demandOption }),
    ...(extra.defaultDescription === undefined ? {} : { defaultDescription: extra.defaultDescription }),
  };
}

/** An option without a value; undefined when it is not given, since yargs takes a default for given when it looks for conflicts. */
export function flag(description: string, extra: Extra = {}) {
  return { type: 'boolean', describe: description, ...rest(extra) } as const;
}

/** An option with a value that may be given once; undefined when it is not. */
export function value(description: string, extra: Extra = {}) {
  return {
    type: 'string',
    describe: description,
    requiresArg: true,
    coerce: (given: string | string[] | undefined): string | undefined => once(given),
    ...rest(extra),
  } as const;
}

/** An option that may be given several times, one value each; empty when it is not given. */
export function values(description: string, extra: Extra = {}) {
  return {
    type: 'string',
    describe: description,
    requiresArg: true,
    default: [] as string[],
    defaultDescription: 'none',
    coerce: (given: string | string[]): string[] => [given].flat(),
    ...rest(extra),
  } as const;
}

/** An option with one of some values; undefined when it is not given. */
export function choice<const T extends readonly string[]>(choices: T, description: string, extra: Extra = {}) {
  return {
    type: 'string',
    choices,
    describe: description,
    requiresArg: true,
    coerce: (given: string | string[] | undefined): T[number] | undefined => once(given),
    ...rest(extra),
  } as const;
}

function once(given: string | string[] | undefined): string | undefined {
  if (Array.isArray(given)) throw new Error('an option that takes one value was given more than once');
  return given;
}
