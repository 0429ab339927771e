import { CodedError } from '@workbench/run';
import { mutate } from './mutate.ts';
import { createRandom } from './random.ts';
import type { FuzzTarget } from './targets/target.ts';

/** The input of one case of a run: it depends on the seed and the number of the case only. */
export async function makeInput(
  target: FuzzTarget,
  corpus: readonly Buffer[],
  { seed, index }: { seed: number; index: number },
): Promise<Buffer> {
  const random = createRandom(seed, index);
  const mutated = mutate(random.pick(corpus), random, corpus);
  return target.repair === undefined ? mutated : target.repair(mutated, random);
}

/**
 * Gives an input to a parser.
 *
 * @returns the code of the error that it was refused with, or undefined if it was accepted.
 * @throws whatever is thrown that is no refusal of the parser.
 */
export async function runCase(target: FuzzTarget, input: Buffer): Promise<string | undefined> {
  try {
    await target.parse(input);
    return undefined;
  } catch (error) {
    if (error instanceof CodedError && target.refusals.includes(error.code)) return error.code;
    throw error;
  }
}
