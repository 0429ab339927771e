import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError, CommandError, describeError, quoteCommand } from '@workbench/run';
import { note } from '../steps/step.ts';
import type { BcvkClient } from './bcvk-client.ts';
import { bcvkError } from './bcvk-error.ts';
import { readBcvkAccel, readSnapshotState, timingsName } from './bcvk-timings.ts';
import { ConsoleFollower } from './console-follower.ts';
import type { FailureClass } from './console-patterns.ts';
import { type Accel, type Deadlines, type DeadlineWishes, deadlinesFor } from './deadlines.ts';
import { GuestDeath } from './guest-death.ts';
import { GuestMonitor } from './guest-monitor.ts';
import { type BcvkSupport, type LaunchWishes, launchArguments } from './launch-arguments.ts';
import { explainRefusal, type SshRefusal, type SshTarget, sshAnswers, sshCommand } from './ssh-probe.ts';
import type { Clock } from './waits/clock.ts';
import { type Attempt, DeadlineError, firstOf } from './waits/first-of.ts';

/** What a VM needs beside what it is. */
export interface MachineOptions extends LaunchWishes {
  bcvk: BcvkClient;
  support: BcvkSupport;
  /** How guests run here, as far as that is known before one does. */
  accel: Accel | undefined;
  timeouts: DeadlineWishes;
  clock: Clock;
  /** Where its ssh key is written. */
  keyFile: string;
  /** What disposal does with it and its key. */
  atEnd: 'remove' | 'keep' | 'keep and tell';
  signal?: AbortSignal;
  /** Told each line that bcvk prints. */
  onLine?: (line: string) => void;
}

/** Codes of bcvk that mean that the image, or the installation in it, is at fault. */
const productCode = /^(?:INSTALL_FAILED|GUEST_|IMAGE_)/;

/**
 * bcvk could not make the VM. That is a fault of all around it, unless bcvk says by its code that it is the image or the
 * installation in it that failed. Code and hint are those of bcvk where it has any.
 */
export class LaunchError extends CodedError {
  readonly class: FailureClass;

  constructor(name: string, cause: CommandError) {
    const told = bcvkError(cause);
    const known = told !== cause && told instanceof CodedError ? told : undefined;
    const isProduct = known !== undefined && productCode.test(known.code);
    const what = isProduct ? 'could not be installed' : 'could not be made';
    super(known?.code ?? 'VM_LAUNCH_FAILED', `VM ${name} ${what}: ${cause.message}`, {
      hint: known?.hint ?? cause.hint ?? 'launch-failure.log has the disks, images and VMs of this machine',
      cause,
    });
    this.name = 'LaunchError';
    this.class = isProduct ? 'product' : 'infrastructure';
  }
}

/**
 * One VM, from its start to its end: `await using vm = await launchMachine(…)`. Disposal stops and removes it with its
 * disk and key, also after an abort; a VM to be preserved stays as it is. Disposal does not throw: what could not be
 * removed now, a later run removes.
 */
export class Machine implements AsyncDisposable {
  readonly name: string;
  readonly monitor: GuestMonitor;
  /** How this guest runs; undefined when bcvk does not tell. */
  readonly accel: Accel | undefined;
  /** For whatever is done with this guest. */
  readonly deadlines: Deadlines;
  readonly #options: MachineOptions;
  #target: SshTarget | undefined;
  #isStopped = false;

  /** Use `launchMachine`. */
  constructor(options: MachineOptions) {
    this.name = options.name;
    this.#options = options;
    this.accel = readBcvkAccel(options.logFolder) ?? options.accel;
    this.deadlines = deadlinesFor(this.accel, options.timeouts);
    this.monitor = new GuestMonitor({
      name: options.name,
      console: new ConsoleFollower(options.logFolder),
      // It stands still, and libvirt says so, while its state is saved.
      domain: async (signal) => (this.#isStopped ? { state: 'running' } : options.bcvk.domain(options.name, signal)),
      clock: options.clock,
    });
  }

  /** What it was made of. */
  get image(): string {
    return this.#options.image;
  }

  /** Where its console and journal logs are. */
  get logFolder(): string {
    return this.#options.logFolder;
  }

  /** How to reach the guest; known once `waitForSsh` is through. */
  get target(): SshTarget {
    if (this.#target === undefined) throw new Error(`${this.name} was not waited for`);
    return this.#target;
  }

  /** The command that opens a shell in the guest, as one can paste it. */
  get sshInstructions(): string {
    return quoteCommand(sshCommand(this.target));
  }

  /**
   * Waits until the guest runs a command as root over ssh.
   *
   * @throws GuestDeath at once when the guest dies, has no sshd, or the deadline passes, with the last reason.
   */
  async waitForSsh(onReason: (why: string) => void = () => {}): Promise<void> {
    const { clock, signal } = this.#options;
    const { deadlines } = this;
    const noSshd = Promise.withResolvers<GuestDeath>();
    let refusedSince: number | undefined;
    let refusal: SshRefusal | undefined;
    const look = async (abort: AbortSignal): Promise<Attempt<true>> => {
      this.#target ??= await this.#findTarget(abort);
      if (this.#target === undefined) return { notYet: 'bcvk tells no ssh port and key yet' };
      const answer = await sshAnswers(this.#target, { timeoutMs: deadlines.sshTryMs, signal: abort });
      if ('ready' in answer) return answer;
      refusal = answer.refusal;
      const isShut = refusal.kind === 'refused' && this.monitor.phase === 'login prompt';
      refusedSince = isShut ? (refusedSince ?? clock.now()) : undefined;
      const graceMs = this.monitor.failedUnits.some((unit) => unit.startsWith('ssh'))
        ? deadlines.sshdFailedMs
        : deadlines.sshdMs;
      if (refusedSince !== undefined && clock.now() - refusedSince >= graceMs) {
        noSshd.resolve(
          this.#neverReady('GUEST_NO_SSHD', 'is up but has no sshd', explainRefusal(refusal, 'login prompt')),
        );
      }
      return { notYet: explainRefusal(refusal, this.monitor.phase) };
    };
    try {
      await firstOf(
        { ready: look, dead: [this.monitor.died, noSshd.promise] },
        {
          what: `ssh of ${this.name}`,
          deadlineMs: deadlines.bootMs,
          intervalMs: 1000,
          clock,
          onReason,
          ...(signal === undefined ? {} : { signal }),
        },
      );
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw this.#neverReady('GUEST_NOT_READY', 'did not answer over ssh', error.lastReason);
    }
  }

  /** Whether a guest that was ready once still runs a command over ssh; it has a few tries. */
  async answers(): Promise<boolean> {
    const { clock, signal } = this.#options;
    const timeoutMs = this.deadlines.sshTryMs;
    const look = async (abort: AbortSignal): Promise<Attempt<true>> => {
      const answer = await sshAnswers(this.target, { timeoutMs, signal: abort });
      return 'ready' in answer ? answer : { notYet: answer.refusal.text };
    };
    try {
      return await firstOf(
        { ready: look, dead: [this.monitor.died] },
        {
          what: `an answer of ${this.name}`,
          deadlineMs: 3 * timeoutMs,
          intervalMs: 1000,
          clock,
          ...(signal === undefined ? {} : { signal }),
        },
      );
    } catch (error) {
      if (error instanceof DeadlineError || error instanceof GuestDeath) return false;
      throw error;
    }
  }

  /** Whether it went on from a snapshot, or is to give one. */
  get snapshot(): 'restored' | 'wanted' | undefined {
    return readSnapshotState(this.#options.logFolder);
  }

  /**
   * Has the snapshot taken that the guest is to give. It must have booted. A snapshot is there to save time: without one
   * all goes on, as long as the guest does, which its monitor sees.
   */
  async takeSnapshot(): Promise<void> {
    const { bcvk, signal, onLine } = this.#options;
    this.#isStopped = true;
    try {
      await bcvk.takeSnapshot(this.name, {
        timeoutMs: 300_000,
        ...(signal === undefined ? {} : { signal }),
        ...(onLine === undefined ? {} : { onLine }),
      });
    } catch (error) {
      signal?.throwIfAborted();
      note(`no snapshot of VM ${this.name}: ${describeError(error)}`);
    } finally {
      this.#isStopped = false;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.monitor[Symbol.asyncDispose]();
    const { atEnd, bcvk, name, keyFile } = this.#options;
    if (atEnd === 'keep and tell') {
      note(`VM ${name} was kept${this.#target === undefined ? '' : `: ${this.sshInstructions}`}`);
    }
    if (atEnd !== 'remove') return;
    await bcvk.remove(name).catch((error: unknown) => note(`VM ${name} is still there: ${describeError(error)}`));
    rmSync(keyFile, { force: true });
  }

  async #findTarget(signal: AbortSignal): Promise<SshTarget | undefined> {
    const vm = await this.#options.bcvk.inspect(this.name, signal).catch((error: unknown) => {
      if (error instanceof CommandError) return undefined;
      throw error;
    });
    if (vm?.ssh_port == null || vm.ssh_private_key == null) return undefined;
    const { keyFile } = this.#options;
    writeFileSync(keyFile, `${vm.ssh_private_key.trimEnd()}\n`, { mode: 0o600 });
    return { port: vm.ssh_port, keyFile };
  }

  #neverReady(code: string, what: string, evidence: string): GuestDeath {
    return this.monitor.describeDeath(code, what, {
      class: 'product',
      evidence,
      hint: 'the console log shows how far it came; --preserve-vm keeps the VM to look into it',
    });
  }
}

/**
 * Makes and starts a VM. It need not have booted yet.
 *
 * @throws LaunchError when bcvk fails; what it left behind is removed, and what one needs to know of this machine is in
 * launch-failure.log of the log folder. The CommandError of an abort passes through.
 */
export async function launchMachine(options: MachineOptions): Promise<Machine> {
  const { bcvk, signal, onLine } = options;
  try {
    await bcvk.launch(launchArguments(options, options.support), {
      timeoutMs: deadlinesFor(options.accel, options.timeouts).launchMs,
      env: { BCVK_TIMINGS: join(options.logFolder, timingsName) },
      ...(signal === undefined ? {} : { signal }),
      ...(onLine === undefined ? {} : { onLine }),
    });
  } catch (error) {
    await removeHalfMade(options).catch(() => undefined);
    if (!(error instanceof CommandError) || error.failure === 'aborted') throw error;
    throw new LaunchError(options.name, error);
  }
  return new Machine(options);
}

/** Removes what a launch left behind; a VM of another launch that has the name already stays. */
async function removeHalfMade({ bcvk, labels, name }: MachineOptions): Promise<void> {
  const vm = await bcvk.inspect(name);
  if (vm !== undefined && labels.every((label) => vm.labels.includes(label))) await bcvk.remove(name);
}
