import { existsSync, readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CodedError, CommandError, run } from '@workbench/run';
import { matchFatal, stripControl } from '../to-disk/console.ts';
import type { DomainRecord } from './domain-info.ts';
import { sshArguments } from './ssh-command.ts';
import { writeKeyFile } from './ssh-key.ts';
import { domainState, type Virsh } from './virsh.ts';

/** How long after the boot an ssh server may take to answer, under KVM. */
export const sshAfterBootMs = 20_000;
const bannerTimeoutMs = 1500;
const shownLines = 20;
/** What a console shows when the guest is up: its login prompt, its ssh server, or the last target of an ordinary boot. */
const bootedPattern = /login: *$|Started .*sshd?\.service|Reached target .*(multi-user|graphical)\.target/m;
/**
 * Pause between two tries to log in: short when the guest is up; long while its console shows that it is not, because
 * QEMU keeps every connection that is begun in that time, and the server must answer each when it comes.
 */
const pauseMs = { up: 500, silent: 3000, booting: 8000 };
const stepMs = 500;
const serverFailedPattern = /Failed to start .*(ssh|sshd)\b.*$/m;

/** What the wait for ssh asks of the world; a test gives its own. */
export interface SshProbe {
  /** Undefined when a login works; else why not, in a few words. */
  tryLogin(): Promise<string | undefined>;
  /** libvirt's word, or undefined if the domain is gone. */
  state(): Promise<string | undefined>;
  /** All that the consoles have printed. */
  consoleText(): string;
  now(): number;
  pause(ms: number): Promise<void>;
}

/**
 * Waits until a login by ssh works. It ends at once when the guest is dead: domain gone, stopped or paused, or a fatal line
 * on a console that this wait has not seen before.
 *
 * @throws CodedError SSH_TIMEOUT with the last reason, VM_STOPPED, or the code of the fatal line
 */
export async function waitForSsh(name: string, probe: SshProbe, options: SshWaitOptions): Promise<void> {
  const began = probe.now();
  let bootedAt: number | undefined;
  let why: string | undefined = 'not tried yet';
  let triedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    options.signal?.throwIfAborted();
    await throwIfDead(name, probe);
    const consoleText = stripControl(probe.consoleText());
    if (bootedPattern.test(consoleText)) bootedAt ??= probe.now();
    const pause = bootedAt !== undefined ? pauseMs.up : consoleText.trim() === '' ? pauseMs.silent : pauseMs.booting;
    if (probe.now() - triedAt >= pause) {
      why = await probe.tryLogin();
      if (why === undefined) return;
      triedAt = probe.now();
    }
    const elapsedMs = probe.now() - began;
    options.onTry?.(why, elapsedMs, consoleTail(consoleText, 1)[0] ?? '');
    const isLateForBooted = bootedAt !== undefined && probe.now() - bootedAt > options.afterBootMs;
    if (isLateForBooted || elapsedMs > options.deadlineMs) {
      const state = bootedAt === undefined ? '' : ', though the guest has booted';
      const message = `no login to ${name} in ${seconds(elapsedMs)}${state}: ${why}`;
      throw new CodedError('SSH_TIMEOUT', withConsole(message, probe), {
        hint: serverFailedPattern.exec(consoleText)?.[0] ?? `is sshd enabled in the image? Look: virsh console ${name}`,
      });
    }
    await probe.pause(stepMs);
  }
}

/** Deadlines of {@link waitForSsh}, and who listens. */
export interface SshWaitOptions {
  /** For the whole wait. */
  deadlineMs: number;
  /** From when a console shows that the guest is up: an ssh server that will come is there soon then. */
  afterBootMs: number;
  /** Why not yet, since when, and the console's last line. */
  onTry?: (why: string, elapsedMs: number, lastLine: string) => void;
  signal?: AbortSignal;
}

async function throwIfDead(name: string, probe: SshProbe): Promise<void> {
  const state = await probe.state();
  if (state !== 'running') {
    const text = state === undefined ? `VM ${name} is gone` : `VM ${name} is not running any more (${state})`;
    throw new CodedError('VM_STOPPED', withConsole(text, probe), {
      hint: 'read its consoles: bcvk libvirt run --log-dir=console=DIR keeps them',
    });
  }
  for (const line of stripControl(probe.consoleText()).split('\n')) {
    const fatal = matchFatal(line);
    if (fatal === undefined || fatal.code === 'GUEST_OOM' || fatal.code === 'GUEST_HUNG_TASK') continue;
    throw new CodedError(fatal.code, withConsole(`${fatal.meaning} (VM ${name}): ${line.trim()}`, probe), {
      hint: `look inside: virsh console ${name}`,
    });
  }
}

function withConsole(message: string, probe: SshProbe): string {
  const tail = consoleTail(stripControl(probe.consoleText()), shownLines);
  return [message, ...tail.map((line) => `  | ${line}`)].join('\n');
}

function consoleTail(text: string, count: number): string[] {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '')
    .slice(-count);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** The probe of a real VM. */
export function probeDomain(virsh: Virsh, domain: DomainRecord, user = 'root'): SshProbe {
  const { info } = domain;
  const logs = [domain.serialLog, domain.virtioLog].filter((file) => file !== undefined);
  const seenBefore = new Map(logs.map((file) => [file, sizeOf(file)]));
  return {
    async tryLogin() {
      const port = info.ssh_port!;
      const banner = await readBanner(port);
      if (banner !== undefined) return banner;
      using key = writeKeyFile(info.ssh_private_key!);
      const connection = { user, port, keyFile: key.path, strictHostKeys: false, extraOptions: [] };
      const argv = sshArguments({ ...connection, connectTimeoutSeconds: 10, logLevel: 'ERROR' }, ['true']);
      try {
        await run(argv, { step: `log in to ${info.name}`, timeoutMs: 60_000 });
        return undefined;
      } catch (error) {
        if (!(error instanceof CommandError) || error.failure === 'not-found') throw error;
        return error.stderr.trim().split('\n').at(-1) ?? error.failure;
      }
    },
    state: () => domainState(virsh, info.name),
    consoleText: () => logs.map((file) => readFrom(file, seenBefore.get(file) ?? 0)).join('\n'),
    now: () => performance.now(),
    pause: (ms) => delay(ms),
  };
}

/**
 * Undefined when an ssh server greets on a port; else why not. QEMU accepts connections as soon as it runs, so that a
 * connection alone says nothing; asking for the greeting costs the slow guest less than a login that fails.
 */
async function readBanner(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' });
    const end = (why: string | undefined) => {
      socket.destroy();
      resolve(why);
    };
    socket.setTimeout(bannerTimeoutMs, () => end('no ssh banner yet'));
    socket.once('data', (data) =>
      end(data.toString('latin1').startsWith('SSH-') ? undefined : 'no ssh server answers'),
    );
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
    socket.once('close', () => end('connection closed by the guest'));
  });
}

function sizeOf(file: string): number {
  return existsSync(file) ? readFileSync(file).length : 0;
}

function readFrom(file: string, offset: number): string {
  return existsSync(file) ? readFileSync(file).subarray(offset).toString('utf8') : '';
}
