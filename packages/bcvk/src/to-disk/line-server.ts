import { createServer, type Socket } from 'node:net';

/** A UNIX socket that reads lines, until it is disposed. */
export interface LineServer extends AsyncDisposable {
  readonly path: string;
}

/** Listens on a UNIX socket and gives each whole line that arrives, without its newline; the last one at the end too. */
export async function listenForLines(path: string, onLine: (line: string) => void): Promise<LineServer> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let rest = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine(line.replace(/\r$/, ''));
    });
    socket.on('close', () => {
      sockets.delete(socket);
      if (rest !== '') onLine(rest);
    });
    // A reset is QEMU's end, which its own exit tells better.
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    path,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
