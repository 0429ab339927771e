import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of what a server answers. */
export interface Connection {
  /** Bytes per second on each connection. */
  bytesPerSecond?: number;
  /** Answers of one connection beyond so many bytes are cut off, or never come. */
  after?: { bytes: number; end: 'cut' | 'stall' };
  /** Only so many connections are bad. */
  times?: number;
}

/** A server that passes connections on to another one, badly. */
export interface BadConnection extends AsyncDisposable {
  host: string;
  badCount(): number;
}

/** Serves a port that leads to `host`, with connections as bad as wanted. */
export async function serveBadly(host: string, connection: Connection): Promise<BadConnection> {
  const [address, port] = host.split(':') as [string, string];
  const sockets = new Set<Socket>();
  let badCount = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), address);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    void passOn(upstream, client);
  });
  const passOn = async (upstream: Socket, client: Socket): Promise<void> => {
    let passed = 0;
    try {
      for await (const chunk of upstream as AsyncIterable<Buffer>) {
        const { after, bytesPerSecond, times = Number.POSITIVE_INFINITY } = connection;
        if (after !== undefined && passed + chunk.length > after.bytes && badCount < times) {
          badCount += 1;
          client.write(chunk.subarray(0, Math.max(after.bytes - passed, 0)));
          if (after.end === 'cut') client.destroy();
          else await new Promise((resolve) => client.once('close', resolve));
          return;
        }
        passed += chunk.length;
        client.write(chunk);
        if (bytesPerSecond !== undefined) await sleep((chunk.length / bytesPerSecond) * 1000);
      }
      client.end();
    } catch {
      client.destroy();
    }
  };
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  return {
    host: `127.0.0.1:${bound.port}`,
    badCount: () => badCount,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
