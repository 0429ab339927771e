import { CodedError, CommandError, type RunOptions, type RunResult, run } from '@workbench/run';
import { z } from 'zod';
import { bcvkError } from './bcvk-error.ts';
import type { DomainAnswer } from './guest-monitor.ts';

/** The program that makes VMs. */
export interface BcvkProgram {
  /** How it is started, before any verb. */
  readonly argv: readonly [string, ...string[]];
  readonly kind: 'system' | 'bundled' | 'file';
  /** Why this one. */
  readonly why: string;
}

/** What `bcvk libvirt inspect` and `list` print of one VM; the rest of it is not used. */
const vmSchema = z.looseObject({
  name: z.string(),
  state: z.string(),
  image: z.string().nullish(),
  labels: z.array(z.string()).default([]),
  ssh_port: z.number().nullish(),
  ssh_private_key: z.string().nullish(),
});

export type BcvkVm = z.infer<typeof vmSchema>;

/** How the VMs of this machine are run. The real bcvk says nothing of it: it knows KVM only. */
const statusSchema = z.looseObject({
  accel: z.enum(['kvm', 'tcg']).optional(),
  accel_reason: z.string().optional(),
});

export type HostStatus = z.infer<typeof statusSchema>;

/** Asks bcvk. Every call is one command; nothing is kept between calls. */
export class BcvkClient {
  readonly program: BcvkProgram;
  readonly #logFile: string | undefined;

  /** @param logFile gets every command and its output. */
  constructor(program: BcvkProgram, logFile?: string) {
    this.program = program;
    this.#logFile = logFile;
  }

  /** The same program with another log. */
  withLog(logFile: string): BcvkClient {
    return new BcvkClient(this.program, logFile);
  }

  /** The whole command for some arguments. */
  command(args: readonly string[]): [string, ...string[]] {
    return [...this.program.argv, ...args];
  }

  /** Runs `bcvk libvirt run …`, which ends with this process. */
  launch(args: readonly string[], options: Omit<RunOptions, 'step'>): Promise<RunResult> {
    return run(this.command(args), { step: 'make the VM', endsWithUs: 'SIGTERM', ...this.#log(), ...options });
  }

  /** The text of `bcvk libvirt run --help`, to see which options this bcvk has. */
  async runHelp(): Promise<string> {
    const { stdout, stderr } = await run(this.command(['libvirt', 'run', '--help']), {
      step: 'ask bcvk for its options',
    });
    return stdout + stderr;
  }

  /** One VM, or undefined when bcvk does not know it. */
  async inspect(name: string, signal?: AbortSignal): Promise<BcvkVm | undefined> {
    const argv = this.command(['libvirt', 'inspect', name, '--format=json']);
    const options = { timeoutMs: 30_000, ...(signal === undefined ? {} : { signal }) };
    const result = await run(argv, { step: `inspect VM ${name}`, okExitCodes: [1], ...options });
    return result.exitCode === 0 ? parseOutput(argv, result.stdout, vmSchema) : undefined;
  }

  /**
   * The state of a VM as a monitor wants it: no answer is an answer too. virsh is asked, by which every bcvk works and whose words
   * it hands on; that costs a fortieth of a call of bcvk. What it does not know, bcvk is asked for: it may use another connection.
   */
  async domain(name: string, signal: AbortSignal): Promise<DomainAnswer> {
    try {
      const state = await virshState(name, signal);
      if (state !== undefined) return { state };
      const vm = await this.inspect(name, signal);
      return vm === undefined ? { unknown: `bcvk knows no VM ${name}` } : { state: vm.state };
    } catch (error) {
      return { unknown: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error) };
    }
  }

  /** All VMs with a label, stopped ones too. */
  async list(label: string): Promise<BcvkVm[]> {
    const argv = this.command(['libvirt', 'list', '--all', `--label=${label}`, '--format=json']);
    const { stdout } = await run(argv, { step: 'list VMs', timeoutMs: 60_000 });
    return parseOutput(argv, stdout === '' ? '[]' : stdout, z.array(vmSchema));
  }

  /** Starts a VM that is stopped. */
  async start(name: string): Promise<void> {
    await run(this.command(['libvirt', 'start', name]), {
      step: `start VM ${name}`,
      timeoutMs: 120_000,
      ...this.#log(),
    });
  }

  /** Takes the snapshot that a VM was started for; the VM goes on. The bundled bcvk alone can do it. */
  async takeSnapshot(name: string, options: Omit<RunOptions, 'step'>): Promise<void> {
    const argv = this.command(['libvirt', 'take-snapshot', name]);
    await run(argv, { step: `take a snapshot of VM ${name}`, ...this.#log(), ...options });
  }

  /** Stops and removes a VM with its disk. Does nothing when there is none of that name. */
  async remove(name: string): Promise<void> {
    const argv = this.command(['libvirt', 'rm', '--stop', '--force', name]);
    try {
      await run(argv, { step: `remove VM ${name}`, timeoutMs: 120_000, ...this.#log() });
    } catch (error) {
      if (error instanceof CommandError && error.failure === 'exit' && (await this.inspect(name)) === undefined) return;
      throw error;
    }
  }

  /**
   * How VMs are run here.
   *
   * @throws CodedError LIBVIRT_UNREACHABLE, in the words of bcvk.
   */
  async hostStatus(): Promise<HostStatus> {
    const argv = this.command(['libvirt', 'status', '--format=json']);
    const options = { step: 'ask bcvk about this machine', timeoutMs: 180_000, ...this.#log() };
    const { stdout } = await run(argv, options).catch((error: unknown) => {
      throw bcvkError(error);
    });
    return parseOutput(argv, stdout, statusSchema);
  }

  #log(): { logFile?: string } {
    return this.#logFile === undefined ? {} : { logFile: this.#logFile };
  }
}

async function virshState(name: string, signal: AbortSignal): Promise<string | undefined> {
  const argv = ['virsh', 'domstate', '--domain', name] as const;
  const options = { step: `ask for the state of VM ${name}`, env: { LC_ALL: 'C' }, timeoutMs: 30_000, signal };
  const result = await run(argv, options).catch((error: unknown) => {
    if (error instanceof CommandError && error.failure !== 'aborted') return undefined;
    throw error;
  });
  return result?.stdout.trim();
}

function parseOutput<T>(argv: readonly string[], stdout: string, schema: z.ZodType<T>): T {
  try {
    return schema.parse(JSON.parse(stdout));
  } catch (cause) {
    const message = `${argv.join(' ')} printed JSON of another form than that of bcvk 0.18`;
    throw new CodedError('BCVK_OUTPUT', message, { hint: 'BOOTC_bcvk=bundled uses the bundled bcvk', cause });
  }
}
