import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** Bytes that are read piece by piece: a unified kernel image is a hundred megabytes, and most verbs want a few lines of it. */
export interface ByteWindow {
  readonly sizeBytes: number;
  /** The bytes of a range that lies inside. */
  read(offset: number, length: number): Buffer;
}

/** A window on bytes in memory. */
export function windowOfBytes(bytes: Uint8Array): ByteWindow {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { sizeBytes: buffer.length, read: (offset, length) => buffer.subarray(offset, offset + length) };
}

/** A window on a file, which is closed when the window is disposed of. @throws a system error. */
export function windowOfFile(path: string): ByteWindow & Disposable {
  const fd = openSync(path, 'r');
  return {
    sizeBytes: fstatSync(fd).size,
    read(offset, length) {
      const buffer = Buffer.allocUnsafe(length);
      for (let done = 0; done < length; ) {
        const taken = readSync(fd, buffer, done, length - done, offset + done);
        if (taken === 0) throw new Error(`${path} became shorter while it was read`);
        done += taken;
      }
      return buffer;
    },
    [Symbol.dispose]: () => closeSync(fd),
  };
}
