// What of it is used here: the types of Node have it in part only.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    exports: unknown;
  }
}

/** What is folded at a time: 512 bits. */
export const blockBytes = 64;

/** More than this is not folded at once. */
export const mostFoldedBytes = 63 * 1024;

/** Folds blocks for a CRC-64 of ISO 3309, whose register starts as two 32-bit words. @returns a block to take instead of them all. */
export type FoldBlocks = (blocks: Uint8Array, register: { low: number; high: number }) => Int32Array;

const windowStart = 1024;

/**
 * A function that makes one block of many, which leaves the register as they would, if it is zero before: whole blocks, no more
 * than {@link mostFoldedBytes}. The result is good until the next call.
 *
 * Squared three times, x^64 = x^4 + x^3 + x + 1 says that x^512 is x^32 + x^24 + x^8 + 1: a byte may be removed if it is added
 * to those that come 60, 61, 63 and 64 bytes after it. These are whole bytes, so that sixteen of them are done by three
 * shuffles and four additions. No table is needed, and no step waits for the one before it.
 */
export function createFoldBlocks(): FoldBlocks {
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(assemble()));
  const { memory, fold } = exports as { memory: { buffer: ArrayBuffer }; fold(start: number, end: number): void };
  const block = new Int32Array(memory.buffer, 0, blockBytes / 4);
  const window = new Uint8Array(memory.buffer, windowStart, mostFoldedBytes);
  const first = new Int32Array(memory.buffer, windowStart, block.length);
  return (blocks, { low, high }) => {
    window.set(blocks);
    block.set(first);
    block[0] = (first[0] as number) ^ low;
    block[1] = (first[1] as number) ^ high;
    reachWithin(block);
    if (blocks.length > blockBytes) fold(windowStart + blockBytes, windowStart + blocks.length);
    reachWithin(block);
    return block;
  };
}

/**
 * Adds the first four bytes of a block to those of its last four that they reach: a block that is folded with the next one has to
 * be like that. Once more, it is undone.
 */
function reachWithin(block: Int32Array): void {
  const first = block[0] as number;
  block[block.length - 1] = (block[block.length - 1] as number) ^ first ^ (first << 8) ^ (first << 24);
}

// Opcodes of the core specification of WebAssembly, with its vector instructions.
const end = 0x0b;
const i32 = 0x7f;
const v128 = 0x7b;
const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
/** Pushes a number of up to two bytes in LEB128, one of which would have a sign from 64 on. */
const constant = (value: number) => [0x41, (value & 0x7f) | 0x80, value >> 7];
const load = (offset: number) => [0xfd, 0x00, 0, offset];
const store = (offset: number) => [0xfd, 0x0b, 0, offset];
const add = [0xfd, 0x51];
/** Sixteen bytes of the two vectors on the stack, from one of the first on. */
const slide = (from: number) => [0xfd, 0x0d, ...Array.from({ length: 16 }, (_, i) => i + from)];

const vectorBytes = 16;
const vectors = [0, 1, 2, 3];
const [start, limit, firstVector] = [0, 1, 2] as const;
const vector = (number: number): number => firstVector + (number % vectors.length);

/** The module: it has a function `fold(start, end)` and a page of memory, whose beginning is the block folded last. */
function assemble(): Uint8Array<ArrayBuffer> {
  const taken = vectors.flatMap((n) => [...constant(0), ...load(n * vectorBytes), ...set(vector(n))]);
  const given = vectors.flatMap((n) => [...constant(0), ...get(vector(n)), ...store(n * vectorBytes)]);
  const folded = vectors.flatMap((n) => {
    // The vector after the last one is the first one of this block, which is there by then.
    const both = [...get(vector(n)), ...get(vector(n + 1))];
    const sum = [1, 3, 4].flatMap((bytes) => [...both, ...slide(bytes), ...add]);
    return [...get(start), ...load(n * vectorBytes), ...get(vector(n)), ...add, ...sum, ...set(vector(n))];
  });
  const advance = [...get(start), ...constant(blockBytes), 0x6a, ...set(start)];
  const repeat = [...get(start), ...get(limit), 0x49, 0x0d, 0];
  const body = [...taken, 0x03, 0x40, ...folded, ...advance, ...repeat, end, ...given, end];
  const locals = [1, vectors.length, v128];
  return Uint8Array.from([
    ...[...Buffer.from('\0asm'), 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, i32, i32, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...named('memory'), 2, 0, ...named('fold'), 0, 0]),
    ...section(10, [1, ...sized([...locals, ...body])]),
  ]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): number[] {
  return [(content.length & 0x7f) | 0x80, content.length >> 7, ...content];
}

function named(name: string): number[] {
  return [name.length, ...Buffer.from(name)];
}
