import { CodedError, quoteCommand } from '@workbench/run';

/** How ssh is called. */
export interface SshOptions {
  user: string;
  port: number;
  keyFile: string;
  strictHostKeys: boolean;
  connectTimeoutSeconds: number;
  logLevel: string;
  /** `KEY=VALUE` each. */
  extraOptions: readonly string[];
}

/**
 * The ssh command line for a VM. Of several words of a command each reaches the remote program as it is; a single word is
 * the remote shell's to read.
 *
 * @throws CodedError BAD_SSH_OPTION, exit code 2, for an extra option that is not KEY=VALUE
 */
export function sshArguments(options: SshOptions, command: readonly string[]): [string, ...string[]] {
  const wrong = options.extraOptions.find((option) => !/^[A-Za-z]+=/.test(option));
  if (wrong !== undefined) {
    throw new CodedError('BAD_SSH_OPTION', `'${wrong}' is no ssh option`, { hint: 'write KEY=VALUE', exitCode: 2 });
  }
  const hostKeys = options.strictHostKeys
    ? ['StrictHostKeyChecking=yes']
    : ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
  const settings = [
    'IdentitiesOnly=yes',
    'PasswordAuthentication=no',
    'KbdInteractiveAuthentication=no',
    ...hostKeys,
    `ConnectTimeout=${options.connectTimeoutSeconds}`,
    'ServerAliveInterval=60',
    `LogLevel=${options.logLevel}`,
    ...options.extraOptions,
  ];
  return [
    'ssh',
    ...['-i', options.keyFile, '-p', String(options.port)],
    ...settings.flatMap((setting) => ['-o', setting]),
    `${options.user}@127.0.0.1`,
    ...(command.length === 0 ? [] : ['--', command.length === 1 ? command[0]! : quoteCommand(command)]),
  ];
}
