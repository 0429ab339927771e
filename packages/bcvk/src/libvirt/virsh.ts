import { CodedError, CommandError, type RunResult, run } from '@workbench/run';

/** Runs one virsh command on one connection; `step` says what for. */
export type Virsh = (args: readonly string[], step: string) => Promise<RunResult>;

const notReachable = /failed to connect to the hypervisor|Failed to connect socket|Connection refused/i;

/** virsh for one connection URI (undefined: libvirt's default), in the C locale so that its words can be read. */
export function createVirsh(uri: string | undefined): Virsh {
  const prefix = uri === undefined ? [] : ['-c', uri];
  return async (args, step) => {
    try {
      return await run(['virsh', ...prefix, ...args], { step, env: { LC_ALL: 'C' }, timeoutMs: 120_000 });
    } catch (error) {
      if (!(error instanceof CommandError) || !notReachable.test(error.stderr)) throw error;
      throw new CodedError('LIBVIRT_UNREACHABLE', `libvirt does not answer${uri === undefined ? '' : ` at ${uri}`}`, {
        hint: 'start it: systemctl start libvirtd, or without systemd: virtlogd -d; libvirtd -d',
        cause: error,
      });
    }
  };
}

/** State of a domain in virsh's words (`running`, `shut off`, `paused`); undefined if there is no such domain. */
export async function domainState(virsh: Virsh, name: string): Promise<string | undefined> {
  try {
    return (await virsh(['domstate', '--domain', name], `ask for the state of ${name}`)).stdout.trim();
  } catch (error) {
    if (isNoDomain(error)) return undefined;
    throw error;
  }
}

/** Whether an error says that there is no such domain. */
export function isNoDomain(error: unknown): boolean {
  return (
    error instanceof CommandError && /failed to get domain|Domain not found|no domain with matching/i.test(error.stderr)
  );
}

/** The error for a VM that does not exist. */
export function vmNotFound(name: string): CodedError {
  return new CodedError('VM_NOT_FOUND', `VM '${name}' not found`, { hint: 'see: bcvk libvirt list --all' });
}
