import { once } from 'node:events';
import { constants, createZstdCompress, createZstdDecompress, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/** Takes bytes piece by piece and compresses them into one zstd frame. */
export interface FrameWriter {
  /** Takes the next bytes, which must not change afterwards. Resolves when more may come. */
  write(bytes: Uint8Array): Promise<void>;
  /** The whole frame. Call it once, at the end. */
  finish(): Promise<Buffer>;
}

/**
 * A zstd frame exactly as composefs-rs makes it, since the digest of a stream file depends on it: level 3, no checksum,
 * and no content size in the frame's header (the streaming interface does not know it), except for the empty frame,
 * which states it.
 */
export function createFrameWriter(): FrameWriter {
  const compressor = createZstdCompress();
  const output: Buffer[] = [];
  let isEmpty = true;
  let failure: Error | undefined;
  compressor.on('data', (chunk: Buffer) => output.push(chunk));
  compressor.on('error', (error) => {
    failure = error;
  });
  return {
    async write(bytes) {
      if (failure !== undefined) throw failure;
      if (bytes.length === 0) return;
      isEmpty = false;
      if (!compressor.write(bytes)) await once(compressor, 'drain');
    },
    async finish() {
      if (isEmpty) {
        compressor.destroy();
        return zstdCompressSync(Buffer.alloc(0));
      }
      const ended = once(compressor, 'end');
      compressor.end();
      await ended;
      return Buffer.concat(output);
    },
  };
}

/** One zstd frame of bytes that are all at hand; see {@link createFrameWriter}. */
export async function compressFrame(bytes: Uint8Array): Promise<Buffer> {
  const writer = createFrameWriter();
  await writer.write(bytes);
  return writer.finish();
}

// Writers need 2 MiB at most; the frame says how much its reader has to hold.
const longestWindowLog2 = 24;

// The layers of an operating system are this small; a stream of zlib takes several times as long for them.
const smallFrames = { bytes: 512 * 1024, contentBytes: 64 * 1024 * 1024 };

// Of others so much is decompressed ahead on another thread.
const streaming = { chunkSize: 1024 * 1024, highWaterMark: 4 * 1024 * 1024 };

// What is most often enough for headers of archives, which are compressed well, in one piece of memory.
function pieceBytes(frames: Buffer): number {
  return Math.min(Math.max(frames.length * 8, 16 * 1024), 4 * 1024 * 1024);
}

// What most streams have for their names; a decompressor takes longer to make than all else of them to read.
const emptyFrame = Buffer.from('28b52ffd2000010000', 'hex');

/**
 * The content of zstd frames, in pieces, without holding it all unless it is small. @throws an error of `node:zlib` if they are damaged.
 */
export async function* decompressFrames(frames: Buffer): AsyncGenerator<Buffer> {
  if (frames.equals(emptyFrame)) return;
  const params = { [constants.ZSTD_d_windowLogMax]: longestWindowLog2 };
  if (frames.length <= smallFrames.bytes) {
    try {
      yield zstdDecompressSync(frames, {
        params,
        chunkSize: pieceBytes(frames),
        maxOutputLength: smallFrames.contentBytes,
      });
      return;
    } catch (error) {
      const isLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
      if (!isLarge) throw error;
    }
  }
  const decompressor = createZstdDecompress({ ...streaming, params });
  decompressor.end(frames);
  yield* decompressor as AsyncIterable<Buffer>;
}

/** Whether something thrown says that compressed bytes are damaged or cut. */
export function isCompressionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(Z_|ZSTD_|ERR_ZSTD)/.test(String(error.code));
}
