import { createServer } from 'node:net';
import { CodedError } from '@workbench/run';

/** Ports that ssh of a VM is forwarded from, as real bcvk uses them. */
const firstPort = 2222;
const lastPort = 2999;

/** Whether nothing listens on a TCP port of the given address. */
export async function isPortFree(port: number, address = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * A free port for ssh that no other VM has, running or not. Call it, and start the VM, under one lock: the port is only
 * taken when QEMU listens on it.
 *
 * @throws CodedError NO_FREE_PORT
 */
export async function chooseSshPort(
  taken: ReadonlySet<number>,
  isFree: (port: number) => Promise<boolean> = isPortFree,
): Promise<number> {
  for (let port = firstPort; port <= lastPort; port++) {
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  throw new CodedError('NO_FREE_PORT', `no port from ${firstPort} to ${lastPort} is free for ssh`, {
    hint: 'remove VMs: bcvk libvirt list --all, bcvk libvirt rm NAME',
  });
}

/** A port of the host that leads to one of the guest. */
export interface PortMapping {
  hostPort: number;
  guestPort: number;
}

/**
 * Reads `HOST:GUEST`.
 *
 * @throws CodedError BAD_PORT, exit code 2
 */
export function parsePortMapping(value: string): PortMapping {
  const [hostPort, guestPort] = /^(\d+):(\d+)$/.exec(value)?.slice(1).map(Number) ?? [];
  if (
    hostPort === undefined ||
    guestPort === undefined ||
    [hostPort, guestPort].some((port) => port < 1 || port > 65535)
  ) {
    throw new CodedError('BAD_PORT', `'${value}' is no port mapping`, {
      hint: 'write HOST_PORT:GUEST_PORT, for example 8080:80',
      exitCode: 2,
    });
  }
  return { hostPort, guestPort };
}

/**
 * Refuses mappings whose host port is taken, before anything is made.
 *
 * @throws CodedError PORT_TAKEN
 */
export async function checkPortsFree(mappings: readonly PortMapping[]): Promise<void> {
  const ports = mappings.map(({ hostPort }) => hostPort);
  const twice = ports.find((port, index) => ports.indexOf(port) !== index);
  if (twice !== undefined) {
    throw new CodedError('PORT_TAKEN', `host port ${twice} is asked for twice`, { hint: 'choose another host port' });
  }
  for (const port of ports) {
    if (await isPortFree(port, '0.0.0.0')) continue;
    throw new CodedError('PORT_TAKEN', `host port ${port} is in use`, {
      hint: `choose another, or see who has it: ss -ltnp 'sport = :${port}'`,
    });
  }
}
