import { closeSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { run } from '@workbench/run';
import { openPacketSockets, type Packet, receivePacket } from '../syscalls/packet-socket.ts';
import { sourceError } from './errors.ts';

/** How images are reached; everything else (mirrors, policy, certificates) is what skopeo is configured to do. */
export interface SkopeoOptions {
  /** A containers-auth.json(5) to use instead of the usual ones. */
  authFile?: string;
  /** Does without TLS, or without knowing the registry's certificate. */
  insecure?: boolean;
  signal?: AbortSignal;
}

/** The options as skopeo takes them. */
export function skopeoArguments({ authFile, insecure }: SkopeoOptions): string[] {
  return [
    ...(authFile === undefined ? [] : ['--authfile', authFile]),
    ...(insecure === true ? ['--tls-verify=false'] : []),
  ];
}

/**
 * A running `skopeo experimental-image-proxy` with one image open. It answers one question after another; a blob that is
 * being read keeps all others waiting.
 */
export interface SkopeoProxy extends AsyncDisposable {
  /** The manifest for this machine, converted to OCI if it is of another format, and the digest of the original. */
  readManifest(): Promise<{ bytes: Buffer; originalDigest: string }>;
  /**
   * A blob as it is stored, once it was read to its end known to have its digest.
   *
   * @throws the signal's reason, however long the blob is still in coming; the proxy is of no use then.
   */
  readBlob(digest: string, sizeBytes: number, signal?: AbortSignal): AsyncGenerator<Buffer>;
}

interface Reply {
  value: unknown;
  pipe: { id: number; fd: number } | undefined;
}

const longestReplyBytes = 64 * 1024;
const dayMs = 86_400_000;

/**
 * Starts a proxy and opens an image in it. The protocol is that of the skopeo program (skopeo, cmd/skopeo/proxy.go):
 * JSON in packets, content through pipes.
 *
 * @param name the image as skopeo takes it, `TRANSPORT:REFERENCE`.
 * @throws CodedError `SOURCE_UNREADABLE` with skopeo's own words; `COMMAND_NOT_FOUND`.
 */
export async function openSkopeoProxy(name: string, options: SkopeoOptions): Promise<SkopeoProxy> {
  const [socket, theirs] = openPacketSockets();
  // While this process has the other end too, it would not notice that the program is gone.
  let isGiven = false;
  const giveAway = (): void => {
    if (!isGiven) closeSync(theirs);
    isGiven = true;
  };
  const ending = new AbortController();
  const process = run(['skopeo', 'experimental-image-proxy', '--sockfd=3', ...skopeoArguments(options)], {
    step: `read ${name}`,
    fds: [theirs],
    timeoutMs: dayMs,
    onStart: giveAway,
    signal: AbortSignal.any([ending.signal, ...(options.signal === undefined ? [] : [options.signal])]),
  });
  // How it ends is of interest only when the proxy falls silent.
  process.catch(giveAway);
  const channel = createChannel({ name, socket, process, signal: options.signal, kill: () => ending.abort() });
  let isOpen = true;
  const close = async (): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await channel.close();
  };
  try {
    await channel.call('Initialize', []);
    const { value: image } = await channel.call('OpenImage', [name]);
    return {
      async readManifest() {
        const reply = await channel.call('GetManifest', [image]);
        const parts: Buffer[] = [];
        for await (const part of channel.readPipe(reply)) parts.push(part);
        return { bytes: Buffer.concat(parts), originalDigest: String(reply.value) };
      },
      async *readBlob(digest, sizeBytes, signal) {
        const asked = channel.call('GetBlob', [image, digest, sizeBytes]);
        const reply = await untilAborted(asked, signal).catch((error) => {
          // One that comes later is nobody's.
          asked.then(dropPipe, () => {});
          throw error;
        });
        yield* channel.readPipe(reply, signal);
      },
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function createChannel(proxy: {
  name: string;
  socket: number;
  process: Promise<unknown>;
  signal: AbortSignal | undefined;
  kill(): void;
}) {
  const { name, socket } = proxy;
  let last: Promise<unknown> = Promise.resolve();
  let unanswered = 0;
  const ask = async (method: string, args: readonly unknown[]): Promise<Reply> => {
    let packet: Packet;
    try {
      writeSync(socket, JSON.stringify({ method, args }));
      packet = await receivePacket(socket, longestReplyBytes);
    } catch (error) {
      throw await silenceOf(proxy, error);
    }
    if (packet.bytes.length === 0) throw await silenceOf(proxy);
    const reply = JSON.parse(packet.bytes.toString()) as {
      success: boolean;
      value: unknown;
      error: string;
      pipeid: number;
    };
    if (reply.success) {
      return { value: reply.value, pipe: packet.fd === undefined ? undefined : { id: reply.pipeid, fd: packet.fd } };
    }
    if (packet.fd !== undefined) closeSync(packet.fd);
    throw sourceError(name, reply.error);
  };
  const call = (method: string, args: readonly unknown[]): Promise<Reply> => {
    unanswered += 1;
    const answer = last
      .then(() => ask(method, args))
      .finally(() => {
        unanswered -= 1;
      });
    last = answer.catch(() => {});
    return answer;
  };
  return {
    call,
    /** The content of a reply. Whether it was whole is known at its end. */
    async *readPipe(reply: Reply, signal?: AbortSignal): AsyncGenerator<Buffer> {
      if (reply.pipe === undefined) throw sourceError(name, 'the proxy sent no content');
      const pipe = new Socket({ fd: reply.pipe.fd, readable: true, writable: false });
      // The proxy closes its end only when it is asked this, and it answers when it has written everything.
      const finished = call('FinishPipe', [reply.pipe.id]);
      finished.catch((error) => pipe.destroy(error));
      const abort = (): void => void pipe.destroy(signal?.reason);
      signal?.addEventListener('abort', abort);
      try {
        yield* pipe as AsyncIterable<Buffer>;
        await untilAborted(finished, signal);
      } finally {
        signal?.removeEventListener('abort', abort);
        pipe.destroy();
      }
    },
    async close() {
      // With its socket gone the program ends, unless it is busy; how does not matter any more.
      if (unanswered > 0) proxy.kill();
      closeSync(socket);
      await proxy.process.catch(() => {});
    },
  };
}

function dropPipe({ pipe }: Reply): void {
  if (pipe !== undefined) closeSync(pipe.fd);
}

/** @throws the signal's reason, if that comes first. */
async function untilAborted<Value>(value: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return value;
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    return await Promise.race([value, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

// The program is gone, or about to be: how it ended says why.
async function silenceOf(
  proxy: { name: string; process: Promise<unknown>; signal: AbortSignal | undefined },
  cause?: unknown,
): Promise<unknown> {
  try {
    await proxy.process;
  } catch (error) {
    return proxy.signal?.aborted === true ? proxy.signal.reason : error;
  }
  return sourceError(proxy.name, 'skopeo ended without an answer', cause);
}
