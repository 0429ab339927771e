import { closeSync } from 'node:fs';
import { callLibc, callLibcAsync } from './libc.ts';

// sys/socket.h; equal on all architectures that Node runs on under Linux, MIPS left out.
const afUnix = 1;
const sockSeqpacket = 5;
const sockCloexec = 0o2000000;
const msgCmsgCloexec = 0x40000000;
const solSocket = 1;
const scmRights = 1;
const controlHeaderBytes = 16;
const descriptorBytes = 4;

/** What came in one packet: its bytes, and the descriptor that was sent with it. */
export interface Packet {
  /** Empty when the other end was closed. */
  bytes: Buffer;
  /** Open in this process now; the caller closes it. */
  fd: number | undefined;
}

/**
 * Makes two connected sockets that keep the bounds of packets and can pass descriptors (unix(7), SOCK_SEQPACKET). The
 * caller closes both; neither is inherited by a program unless it is given to it.
 */
export function openPacketSockets(): [number, number] {
  const pair = new Int32Array(2);
  callLibc('socketpair', [afUnix, sockSeqpacket | sockCloexec, 0, new Uint8Array(pair.buffer)], {
    syscall: 'socketpair',
    path: 'AF_UNIX',
  });
  return [pair[0] as number, pair[1] as number];
}

/**
 * Waits for the next packet (recvmsg(2)) on a thread of the pool. Nothing but the other end's closing it, or a packet,
 * ends the wait.
 *
 * @param longestBytes what is longer is cut.
 */
export async function receivePacket(fd: number, longestBytes: number): Promise<Packet> {
  const data = Buffer.alloc(longestBytes);
  const control = Buffer.alloc(64);
  const header = {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
    msg_flags: 0,
  };
  const length = await callLibcAsync('recvmsg', [fd, header, msgCmsgCloexec], { syscall: 'recvmsg', path: `fd ${fd}` });
  return { bytes: data.subarray(0, length), fd: passedDescriptor(control) };
}

// cmsg(3): the length with its header, level, type, then the descriptors.
function passedDescriptor(control: Buffer): number | undefined {
  const length = Number(control.readBigUInt64LE(0));
  if (length < controlHeaderBytes + descriptorBytes) return undefined;
  if (control.readInt32LE(8) !== solSocket || control.readInt32LE(12) !== scmRights) return undefined;
  const [first, ...others] = Array.from({ length: (length - controlHeaderBytes) / descriptorBytes }, (_, i) =>
    control.readInt32LE(controlHeaderBytes + i * descriptorBytes),
  );
  for (const other of others) closeSync(other);
  return first;
}
