import { rm } from 'node:fs/promises';
import { quoteCommand, type RunOptions, type RunResult, run } from '@workbench/run';
import { type SshTarget, sshCommand } from '../vm/ssh-probe.ts';

const anyExitCode = Array.from({ length: 256 }, (_, code) => code);
const sessionTimeoutMs = 2 ** 31 - 1;
/** How long a connection stays open that nobody uses. */
const persistS = 600;
/** How long a guest may take to answer; the key exchange takes seconds where it is emulated. */
const connectMs = 60_000;

/**
 * Commands in a guest over one connection that stays open between them, also between calls of xtask: the key exchange
 * takes seconds where the guest is emulated. See ssh_config(5), ControlMaster.
 */
export class GuestSession {
  readonly #target: SshTarget;
  readonly #socket: string;
  /** It is looked for once: without it ssh connects by itself, which is only slower. */
  #wasOpened = false;

  /** @param socket path of the connection's socket, at most some 90 bytes long: unix(7) allows 108. */
  constructor(target: SshTarget, socket: string) {
    this.#target = target;
    this.#socket = socket;
  }

  /** Whether the connection is open. It says nothing of a guest that hangs. */
  async isOpen(): Promise<boolean> {
    const { exitCode } = await run(this.#ssh('-O', 'check'), {
      step: 'look for the connection',
      okExitCodes: anyExitCode,
    });
    return exitCode === 0;
  }

  /** Opens the connection unless it is open. */
  async open(options: Pick<RunOptions, 'signal' | 'timeoutMs'> = {}): Promise<void> {
    if (this.#wasOpened || (await this.isOpen())) {
      this.#wasOpened = true;
      return;
    }
    await rm(this.#socket, { force: true });
    const master = ['-M', '-N', '-f', `-oControlPersist=${persistS}`, '-oServerAliveInterval=5'];
    await run(this.#ssh(...master), { step: 'connect to the guest', timeoutMs: connectMs, ...options });
    this.#wasOpened = true;
  }

  /** Closes the connection, if one is open. */
  async close(): Promise<void> {
    this.#wasOpened = false;
    await run(this.#ssh('-O', 'exit'), { step: 'close the connection', okExitCodes: anyExitCode });
    await rm(this.#socket, { force: true });
  }

  /**
   * Runs a script of sh(1) as root in the guest.
   *
   * @throws CommandError as `run` does; ssh exits with 255 when the connection is lost.
   */
  async script(text: string, options: RunOptions): Promise<RunResult> {
    const { signal, timeoutMs } = options;
    await this.open({
      ...(signal === undefined ? {} : { signal }),
      ...(timeoutMs === undefined ? {} : { timeoutMs: Math.min(timeoutMs, connectMs) }),
    });
    return run([...this.#ssh(), 'sh', '-eu'], { ...options, input: text });
  }

  /**
   * Runs a command, or a login shell, on this process's own terminal. Of several words each reaches the program as it is; a
   * single one is the remote shell's to read.
   *
   * @returns the exit code of the command, 130 when Ctrl-C ended it; 255 when the connection is lost.
   */
  async attach(command: readonly string[], isTerminal: boolean): Promise<number> {
    await this.open();
    const remote = remoteCommand(command, isTerminal);
    const argv = this.#ssh(...(isTerminal ? ['-t'] : []));
    const { exitCode } = await run([...argv, ...(remote === undefined ? [] : ['--', remote])], {
      step: 'run a command in the guest',
      stdio: 'inherit',
      okExitCodes: anyExitCode,
      timeoutMs: sessionTimeoutMs,
    });
    return exitCode;
  }

  #ssh(...options: string[]): [string, ...string[]] {
    const [program, ...common] = sshCommand(this.#target);
    const destination = common.pop() ?? '';
    return [program, `-oControlPath=${this.#socket}`, ...common, ...options, destination];
  }
}

/**
 * What the shell in the guest is given for a command; undefined for a login shell. Pure. On a terminal Ctrl-C is typed there,
 * and ssh has one exit code, 255, for a command that a signal ended and for a connection that is lost: a shell that
 * stays tells them apart.
 */
export function remoteCommand(command: readonly string[], isTerminal: boolean): string | undefined {
  const text = command.length > 1 ? quoteCommand(command) : command[0];
  if (text === undefined || !isTerminal) return text;
  return `trap 'exit 130' INT\n${text}\nexit $?`;
}
