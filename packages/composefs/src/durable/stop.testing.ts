import { type Mutation, observeMutations } from './seam.ts';

/** What is thrown at a stop: nothing in the program knows it. */
export class Stopped extends Error {}

/** An action that is stopped at each of its mutations in turn. */
export interface StoppedAction {
  /** Brings the disk to where the action begins. */
  prepare(): void | Promise<void>;
  act(): Promise<unknown>;
  /** Which mutations the action is stopped at. Default: all. */
  isStop?(at: Mutation): boolean;
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
    if (stoppedAt === undefined && action.isStop?.(mutation) === false) return;
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

/** An action of which one call after the other fails. */
export interface FailingAction {
  /** The code of the failure, such as `ENOSPC`. */
  code: string;
  /** Brings the disk to where the action begins. */
  prepare(): void | Promise<void>;
  act(): Promise<unknown>;
  /** Checks what the failure left behind, and may act again. */
  afterFailure(at: Mutation): void | Promise<void>;
}

/**
 * Runs an action once for each of its mutations, each of which in turn fails with a system error while all others work. The
 * action must fail with that error, which may be the cause of another, or get over it. In the end it runs through.
 *
 * @returns the names of the mutations, in order.
 */
export async function failEveryMutation(action: FailingAction): Promise<Mutation['name'][]> {
  const names: Mutation['name'][] = [];
  for (;;) {
    await action.prepare();
    const failedAt = await runFailing(action, names.length);
    if (failedAt === undefined) return names;
    names.push(failedAt.name);
    await action.afterFailure(failedAt);
  }
}

async function runFailing(action: FailingAction, failIndex: number): Promise<Mutation | undefined> {
  let count = 0;
  let failedAt: Mutation | undefined;
  using _ = observeMutations((mutation) => {
    if (count++ !== failIndex) return;
    failedAt = mutation;
    const error = new Error(`${action.code}: ${mutation.name} ${mutation.path}`);
    throw Object.assign(error, { code: action.code, syscall: mutation.name, path: mutation.path });
  });
  try {
    await action.act();
  } catch (error) {
    if (failedAt === undefined) throw error;
  }
  return failedAt;
}
