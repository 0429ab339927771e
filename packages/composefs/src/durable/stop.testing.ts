import { type Mutation, observeMutations } from './seam.ts';

/** What is thrown at a stop: nothing in the program knows it. */
export class Stopped extends Error {}

/** An action that is stopped at each of its mutations in turn. */
export interface StoppedAction {
  /** Brings the disk to where the action begins. */
  prepare(): void | Promise<void>;
  act(): Promise<unknown>;
  /** Checks what a stop left behind, and may act again. */
  afterStop(at: Mutation): void | Promise<void>;
}

/**
 * Runs an action once for each of its mutations, stopped right before it as a killed process is: nothing changes the
 * disk any more after that. In the end it runs through.
 *
 * @returns the names of the mutations, in order.
 */
export async function stopAtEveryMutation(action: StoppedAction): Promise<Mutation['name'][]> {
  const names: Mutation['name'][] = [];
  for (;;) {
    await action.prepare();
    const stoppedAt = await runUntil(action, names.length);
    if (stoppedAt === undefined) return names;
    names.push(stoppedAt.name);
    await action.afterStop(stoppedAt);
  }
}

async function runUntil(action: StoppedAction, stopIndex: number): Promise<Mutation | undefined> {
  let count = 0;
  let stoppedAt: Mutation | undefined;
  using _ = observeMutations((mutation) => {
    if (count++ < stopIndex) return;
    stoppedAt ??= mutation;
    throw new Stopped(`${mutation.name} ${mutation.path}`);
  });
  try {
    await action.act();
  } catch (error) {
    if (stoppedAt === undefined) throw error;
  }
  return stoppedAt;
}
