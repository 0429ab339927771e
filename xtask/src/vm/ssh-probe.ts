import { CommandError, run } from '@workbench/run';
import type { BootPhase } from './console-patterns.ts';

/** How to reach a guest over ssh: always root on this machine, through a forwarded port. */
export interface SshTarget {
  port: number;
  keyFile: string;
}

/** Why ssh did not answer, as one word and as a sentence. */
export interface SshRefusal {
  kind: 'refused' | 'no-key' | 'silent' | 'other';
  text: string;
}

/** The `ssh` command for a guest, without what to run there. No host key is known or kept: each guest has a new one. */
export function sshCommand(target: SshTarget, connectTimeoutS = 30): [string, ...string[]] {
  return [
    'ssh',
    '-i',
    target.keyFile,
    '-p',
    String(target.port),
    '-oIdentitiesOnly=yes',
    '-oStrictHostKeyChecking=no',
    '-oUserKnownHostsFile=/dev/null',
    '-oLogLevel=ERROR',
    `-oConnectTimeout=${connectTimeoutS}`,
    '-oBatchMode=yes',
    'root@localhost',
  ];
}

/**
 * Asks the guest to run `true` as root, once. Ready means that it did.
 *
 * @param timeoutMs a guest that does not answer in this time is not ready.
 */
export async function sshAnswers(
  target: SshTarget,
  options: { timeoutMs: number; signal?: AbortSignal; logFile?: string },
): Promise<{ ready: true } | { refusal: SshRefusal }> {
  const connectTimeoutS = Math.ceil(options.timeoutMs / 1000);
  try {
    await run([...sshCommand(target, connectTimeoutS), 'true'], { step: 'ask the guest over ssh', ...options });
    return { ready: true };
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure === 'not-found') throw error;
    if (error.failure === 'timed-out') {
      return { refusal: { kind: 'silent', text: `no answer in ${options.timeoutMs / 1000} s` } };
    }
    return { refusal: sshRefusalOf(error.stderr, target.port) };
  }
}

const refusals: readonly (readonly [RegExp, SshRefusal['kind'], string])[] = [
  // QEMU's user network accepts the connection itself and resets it when the guest's port is closed.
  [/Connection (?:reset|closed)|kex_exchange_identification|Broken pipe/, 'refused', 'connection refused by the guest'],
  [/Connection refused/, 'refused', 'connection refused'],
  [/Permission denied/, 'no-key', 'the guest does not accept the key'],
  [/timed out|banner exchange/, 'silent', 'connection timed out'],
];

/** What ssh's last words mean. */
export function sshRefusalOf(stderr: string, port: number): SshRefusal {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  const [, kind, text] = refusals.find(([pattern]) => pattern.test(stderr)) ?? [];
  if (kind === undefined || text === undefined) return { kind: 'other', text: last === '' ? 'ssh failed' : last };
  return { kind, text: `${text} (port ${port})` };
}

/** The reason to show for a refusal, given how far the guest came. */
export function explainRefusal(refusal: SshRefusal, phase: BootPhase | undefined): string {
  const isUp = phase === 'login prompt';
  if (refusal.kind === 'refused' && isUp) return `${refusal.text}, though the guest is up: is sshd enabled?`;
  if (refusal.kind === 'no-key' && isUp) {
    return `${refusal.text}: did systemd-tmpfiles apply the credential tmpfiles.extra?`;
  }
  return phase === undefined ? refusal.text : `${refusal.text}; the guest is in phase ${phase}`;
}
