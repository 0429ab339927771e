import type { ConsoleFollower, FatalLine } from './console-follower.ts';
import { type FailureClass, orderingCycle } from './console-patterns.ts';
import { GuestDeath } from './guest-death.ts';
import { JournalFollower } from './journal-words.ts';
import type { Clock } from './waits/clock.ts';

/** What bcvk says of the VM: its libvirt state, or why that cannot be learned. */
export type DomainAnswer = { state: string } | { unknown: string };

/** What a monitor watches. */
export interface MonitorOptions {
  name: string;
  console: ConsoleFollower;
  /** Asks for the state of the VM; must not throw. */
  domain: (signal: AbortSignal) => Promise<DomainAnswer>;
  clock: Clock;
}

/** Pauses between two looks. The longest, plus one call of bcvk, is how late a death is noticed: below 5 s. */
export const consoleIntervalMs = 250;
export const domainIntervalMs = 3000;
const confirmIntervalMs = 500;

/** States of virDomainState that a VM does not leave by itself. */
const deadStates: Readonly<Record<string, { code: string; what: string; hint: string; class: FailureClass }>> = {
  'shut off': {
    code: 'GUEST_STOPPED',
    what: 'stopped',
    hint: 'it powered itself off, or QEMU was killed: see the end of the console log, and the log of the domain in /var/log/libvirt/qemu',
    class: 'product',
  },
  crashed: {
    code: 'GUEST_CRASHED',
    what: 'crashed',
    hint: 'see the log of the domain in /var/log/libvirt/qemu',
    class: 'product',
  },
  paused: {
    code: 'GUEST_PAUSED',
    what: 'was paused',
    hint: 'QEMU met an internal error, or the disk of this machine is full. Secure Boot under nested KVM does this (SMM): try TCG',
    class: 'infrastructure',
  },
  pmsuspended: {
    code: 'GUEST_SUSPENDED',
    what: 'suspended itself',
    hint: 'something in the guest asked for sleep: mask sleep.target',
    class: 'product',
  },
};

/**
 * Watches one VM from its start until it is disposed: its console and journal for fatal lines, its libvirt state, and whether bcvk
 * still knows it.
 */
export class GuestMonitor implements AsyncDisposable {
  /** Resolves when the guest died; never rejects, and never resolves for a guest that lives until disposal. */
  readonly died: Promise<GuestDeath>;
  /** Set when the guest died. */
  death: GuestDeath | undefined;
  readonly #options: MonitorOptions;
  readonly #over = new AbortController();
  readonly #died = Promise.withResolvers<GuestDeath>();
  readonly #loops: Promise<unknown>;
  readonly #journal: JournalFollower;
  readonly #startedAt: number;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#journal = new JournalFollower(options.console.folder);
    this.died = this.#died.promise;
    this.#startedAt = options.clock.now();
    this.#loops = Promise.all([this.#watchLogs(), this.#watchDomain()]);
  }

  /** How far the guest came. */
  get phase(): ConsoleFollower['phase'] {
    return this.#options.console.phase;
  }

  /** The last lines of its console. */
  lastLines(count: number): string[] {
    return this.#options.console.lastLines(count);
  }

  /** Units that did not start, each with its last words where the journal has them. */
  get failedUnits(): string[] {
    this.#journal.poll();
    const { failedUnits } = this.#options.console;
    const fromJournal = this.#journal.failedUnits;
    const names = new Set([...failedUnits, ...fromJournal.keys()]);
    return [...names].map((name) => `${name}${fromJournal.get(name) ? ` (${fromJournal.get(name)})` : ''}`);
  }

  /** Makes a death of something that was noticed elsewhere, with what is known of the guest. */
  describeDeath(
    code: string,
    what: string,
    details: { class: FailureClass; evidence: string; hint: string },
  ): GuestDeath {
    const afterS = Math.round((this.#options.clock.now() - this.#startedAt) / 1000);
    const where = this.phase === undefined ? 'before its console said anything' : `in phase ${this.phase}`;
    const units = this.failedUnits.length === 0 ? '' : `; failed units: ${this.failedUnits.join(', ')}`;
    const message = `guest ${this.#options.name} ${what} after ${afterS} s, ${where}: ${details.evidence}${units}`;
    return new GuestDeath(code, message, { ...details, phase: this.phase, consoleTail: this.lastLines(20) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#loops;
  }

  async #watchLogs(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#over.signal.aborted) {
      if (this.#readLogs() !== undefined) {
        // What follows a fatal line explains it: a trace, the name of a unit.
        await clock.sleep(2 * consoleIntervalMs, this.#over.signal);
        this.#die(this.#deathOf(this.#readLogs()!));
        return;
      }
      await clock.sleep(consoleIntervalMs, this.#over.signal);
    }
  }

  /** Reads what is new on console and in the journal. @returns the first fatal line. */
  #readLogs(): FatalLine | undefined {
    const { console } = this.#options;
    console.poll();
    this.#journal.poll();
    if (console.fatal !== undefined) return console.fatal;
    const { orderingCycle: line } = this.#journal;
    return line === undefined ? undefined : { line, pattern: orderingCycle };
  }

  async #watchDomain(): Promise<void> {
    const { domain, clock } = this.#options;
    let before: DomainAnswer = { state: 'running' };
    while (!this.#over.signal.aborted) {
      const answer = await domain(this.#over.signal);
      if (this.#over.signal.aborted) return;
      const death = this.#judge(answer, before);
      if (death === 'unconfirmed') {
        // libvirt shows "paused" for a moment while it starts a VM, and a busy machine may fail one call.
        await clock.sleep(confirmIntervalMs, this.#over.signal);
      } else if (death !== undefined) {
        // A guest that stopped because of what its console says died of that, not of having stopped.
        const fatal = this.#readLogs();
        this.#die(fatal === undefined ? death : this.#deathOf(fatal));
        return;
      } else {
        await clock.sleep(domainIntervalMs, this.#over.signal);
      }
      before = answer;
    }
  }

  #judge(answer: DomainAnswer, before: DomainAnswer): GuestDeath | 'unconfirmed' | undefined {
    if ('unknown' in answer) {
      if (!('unknown' in before)) return 'unconfirmed';
      return this.describeDeath('GUEST_GONE', 'is not known to bcvk any more', {
        class: 'infrastructure',
        evidence: answer.unknown,
        hint: 'something removed it: another run, a person, or libvirt was restarted',
      });
    }
    const dead = deadStates[answer.state];
    if (dead === undefined) return undefined;
    if (!('state' in before) || before.state !== answer.state) return 'unconfirmed';
    const { code, what, hint, class: ofClass } = dead;
    return this.describeDeath(code, what, { class: ofClass, evidence: `libvirt says: ${answer.state}`, hint });
  }

  #deathOf({ line, pattern }: FatalLine): GuestDeath {
    const { code, what, hint, class: ofClass } = pattern;
    return this.describeDeath(code, what, { class: ofClass, evidence: line, hint });
  }

  #die(death: GuestDeath): void {
    this.death ??= death;
    this.#over.abort();
    this.#died.resolve(this.death);
  }
}
