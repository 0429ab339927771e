import { CodedError, run } from '@workbench/run';
import { scaleDeadline } from '../accel/accel.ts';
import type { Context } from '../context/context.ts';
import { getDomain } from './domain-info.ts';
import { sshArguments } from './ssh-command.ts';
import { writeKeyFile } from './ssh-key.ts';
import { probeDomain, sshAfterBootMs, waitForSsh } from './ssh-wait.ts';
import { createVirsh } from './virsh.ts';

/** How long `libvirt ssh` waits for a server that does not answer yet, under KVM. */
const answerDeadlineMs = 60_000;
const anyExitCode = Array.from({ length: 256 }, (_, code) => code);
const sessionTimeoutMs = 2 ** 31 - 1;

/** Options of `libvirt ssh`. */
export interface SshSession {
  connect: string | undefined;
  user: string;
  command: readonly string[];
  strictHostKeys: boolean;
  connectTimeoutSeconds: number;
  logLevel: string;
  extraOptions: readonly string[];
}

/**
 * Runs a command, or a login shell, in a VM, on this process's own terminal. It waits for a server that does not answer yet;
 * the command itself is run once.
 *
 * @returns the exit code of the remote command (ssh's own 255 if the connection broke)
 * @throws CodedError VM_NOT_FOUND, VM_NOT_RUNNING, NO_SSH_KEY, SSH_TIMEOUT, VM_STOPPED
 */
export async function sshToVm(name: string, session: SshSession, context: Context): Promise<number> {
  const virsh = createVirsh(session.connect);
  const domain = await getDomain(virsh, name);
  const { info } = domain;
  if (info.state !== 'running') {
    throw new CodedError('VM_NOT_RUNNING', `VM '${name}' is not running (${info.state})`, {
      hint: `start it: bcvk libvirt start ${name}`,
    });
  }
  if (info.ssh_private_key === null || info.ssh_port === null) {
    throw new CodedError('NO_SSH_KEY', `VM '${name}' has no ssh key or port in its metadata`, {
      hint: 'it was not made by bcvk libvirt run',
    });
  }
  const accel = domain.metadata.get('accel') === 'kvm' ? 'kvm' : 'tcg';
  await waitForSsh(name, probeDomain(virsh, domain, session.user), {
    deadlineMs: scaleDeadline(answerDeadlineMs, accel),
    afterBootMs: scaleDeadline(sshAfterBootMs, accel),
    signal: context.signal,
  });
  using key = writeKeyFile(info.ssh_private_key);
  const argv = sshArguments({ ...session, port: info.ssh_port, keyFile: key.path }, session.command);
  const { exitCode } = await run(argv, {
    step: `ssh to ${name}`,
    stdio: 'inherit',
    okExitCodes: anyExitCode,
    timeoutMs: sessionTimeoutMs,
    signal: context.signal,
  });
  return exitCode;
}
