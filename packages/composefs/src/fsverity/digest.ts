import { type BinaryLike, hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { blockBytes, digestBytes, type HashAlgorithm, kernelHashId } from './algorithm.ts';

const descriptorBytes = 256;
const readBytes = 1 << 20;
let readBuffer: Buffer | undefined;
// Blocks of hashers that are done: new ones for each of thousands of small files are work for the garbage collector.
const spareBlocks: Buffer[] = [];

/** Computes a file's fs-verity digest from its content as it comes. */
export interface VerityHasher {
  /** Takes the next bytes, in chunks of any size. The chunk may be reused afterwards. */
  update(chunk: Uint8Array): void;
  /** The digest in lower-case hex of all that came. Call it once, at the end. */
  digest(): string;
}

/**
 * A hasher for the digest that the kernel has for a file sealed with 4096-byte blocks and no salt
 * (Documentation/filesystems/fsverity.rst). It keeps one block for each level of the Merkle tree, whatever the size.
 */
export function createVerityHasher(algorithm: HashAlgorithm): VerityHasher {
  const hashBytes = digestBytes[algorithm];
  const block = takeBlock();
  const levels: { hashes: Buffer; filled: number }[] = [];
  let filled = 0;
  let sizeBytes = 0;

  // The hash of a block goes to the level above; a full level is a block for the next one.
  const addHash = (level: number, data: Uint8Array): void => {
    levels[level] ??= { hashes: takeBlock(), filled: 0 };
    const target = levels[level];
    if (target.filled === blockBytes) {
      addHash(level + 1, target.hashes);
      target.filled = 0;
    }
    writeHash(algorithm, data, target.hashes, target.filled);
    target.filled += hashBytes;
  };
  const finishTree = (): Buffer => {
    if (filled > 0) addHash(0, block.fill(0, filled));
    for (let level = 0; level < levels.length; level++) {
      const { hashes, filled: used } = levels[level] as { hashes: Buffer; filled: number };
      if (level === levels.length - 1 && used === hashBytes) return hashes.subarray(0, hashBytes);
      addHash(level + 1, hashes.fill(0, used));
    }
    return Buffer.alloc(hashBytes);
  };

  return {
    update(chunk) {
      sizeBytes += chunk.length;
      let at = 0;
      if (filled > 0) {
        at = Math.min(blockBytes - filled, chunk.length);
        block.set(chunk.subarray(0, at), filled);
        filled += at;
        if (filled < blockBytes) return;
        addHash(0, block);
        filled = 0;
      }
      for (; at + blockBytes <= chunk.length; at += blockBytes) addHash(0, chunk.subarray(at, at + blockBytes));
      block.set(chunk.subarray(at));
      filled = chunk.length - at;
    },
    digest() {
      const descriptor = Buffer.alloc(descriptorBytes);
      descriptor[0] = 1;
      descriptor[1] = kernelHashId[algorithm];
      descriptor[2] = Math.log2(blockBytes);
      descriptor.writeBigUInt64LE(BigInt(sizeBytes), 8);
      finishTree().copy(descriptor, 16);
      spareBlocks.push(block, ...levels.map(({ hashes }) => hashes));
      return hash(algorithm, descriptor, 'hex');
    },
  };
}

function takeBlock(): Buffer {
  return spareBlocks.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
}

// A one-shot hash to a latin1 string is the fastest that Node has for small blocks: it makes no Buffer and no Hash object.
function writeHash(algorithm: HashAlgorithm, data: BinaryLike, target: Buffer, offset: number): void {
  target.write(hash(algorithm, data, 'latin1' as 'binary'), offset, 'latin1');
}

/** The fs-verity digest, in lower-case hex, of a file with this content. */
export function computeVerity(content: Uint8Array, algorithm: HashAlgorithm): string {
  const hasher = createVerityHasher(algorithm);
  hasher.update(content);
  return hasher.digest();
}

/** The fs-verity digest of content that comes in chunks. @throws whatever the stream throws. */
export async function computeStreamVerity(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  algorithm: HashAlgorithm,
): Promise<string> {
  const hasher = createVerityHasher(algorithm);
  for await (const chunk of chunks) hasher.update(chunk);
  return hasher.digest();
}

/**
 * The fs-verity digest of an open file's content, from its beginning.
 *
 * @param see is shown each piece of the content; it must not keep it.
 * @throws a system error; what `see` throws.
 */
export function computeFdVerity(fd: number, algorithm: HashAlgorithm, see?: (chunk: Uint8Array) => void): string {
  const hasher = createVerityHasher(algorithm);
  readPieces(fd, (piece) => {
    see?.(piece);
    hasher.update(piece);
  });
  return hasher.digest();
}

/** Shows an open file's content piece by piece, from its beginning. `see` must not keep a piece. @throws a system error. */
export function readPieces(fd: number, see: (piece: Uint8Array) => void): void {
  // One buffer for all calls, since nothing comes between filling and hashing it: one for each of thousands of small files keeps
  // the garbage collector busier than the hashing.
  readBuffer ??= Buffer.allocUnsafeSlow(readBytes);
  const buffer = readBuffer;
  for (let position = 0; ; ) {
    const length = readSync(fd, buffer, 0, readBytes, position);
    if (length === 0) return;
    see(buffer.subarray(0, length));
    position += length;
  }
}

/** The fs-verity digest of a file's content, computed in user space. @throws a system error. */
export function computeFileVerity(path: string | Buffer, algorithm: HashAlgorithm): string {
  const fd = openSync(path, 'r');
  try {
    return computeFdVerity(fd, algorithm);
  } finally {
    closeSync(fd);
  }
}
