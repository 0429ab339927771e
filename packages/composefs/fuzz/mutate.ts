import type { Random } from './random.ts';

/** Texts that stand for numbers, names and structure in the formats that are text. */
const words = [
  '',
  '-',
  '/',
  '..',
  '0',
  '1',
  '-1',
  '255',
  '256',
  '4096',
  '65535',
  '65536',
  '2147483648',
  '4294967295',
  '4294967296',
  '9007199254740993',
  '18446744073709551615',
  '1e400',
  'null',
  '[]',
  '{}',
  '"',
  '\\',
  '\\x00',
  '\n',
  '\0',
  ' ',
  '\u{fffd}',
  'sha256:',
  '__proto__',
  'constructor',
  '00',
  'ff',
  '@',
  '=',
  ':',
  ',',
] as const;

const numbers = [
  0n,
  1n,
  0xffn,
  0xffffn,
  0x7fffffffn,
  0x80000000n,
  0xffffffffn,
  0x7fffffffffffffffn,
  0xffffffffffffffffn,
];

/** What changes bytes into other bytes; `others` are further inputs that pieces may be taken from. */
type Mutation = (input: Buffer, random: Random, others: readonly Buffer[]) => Buffer;

const mutations: readonly Mutation[] = [
  flipBit,
  (input, random) => overwrite(input, random, random.bytes(1 + random.below(4))),
  (input, random) => overwrite(input, random, number(random, BigInt(input.length))),
  (input, random) => overwrite(input, random, Buffer.from(random.pick(words), 'utf8')),
  (input, random) => splice(input, random, Buffer.from(random.pick(words), 'utf8')),
  (input, random) => input.subarray(0, random.below(input.length + 1)),
  (input, random) => splice(input, random, slice(input, random)),
  (input, random, others) => splice(input, random, slice(random.pick(others), random)),
  (input, random) => splice(input, random, Buffer.alloc(0)),
  moveLine,
];

/** A copy of an input with a few things changed. */
export function mutate(input: Buffer, random: Random, others: readonly Buffer[]): Buffer {
  let mutated: Buffer = Buffer.from(input);
  for (let left = 1 + random.below(random.oneIn(8) ? 32 : 4); left > 0; left--) {
    mutated = random.pick(mutations)(mutated, random, others);
  }
  return mutated;
}

function flipBit(input: Buffer, random: Random): Buffer {
  const at = random.below(input.length);
  if (input.length > 0) input[at] = (input[at] as number) ^ (1 << random.below(8));
  return input;
}

// Little-endian, as all binary formats here have them; in half of the cases aligned, where fields are.
function number(random: Random, length: bigint): Buffer {
  const value = random.pick([...numbers, length, length - 1n, length + 1n, BigInt(random.below(4096))]);
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, value));
  return bytes.subarray(0, random.pick([1, 2, 4, 8]));
}

function overwrite(input: Buffer, random: Random, bytes: Buffer): Buffer {
  const at = random.below(input.length);
  bytes.copy(input, random.oneIn(2) ? at & ~3 : at);
  return input;
}

/** Puts bytes in the place of a piece, which may be empty. */
function splice(input: Buffer, random: Random, bytes: Buffer): Buffer {
  const at = random.below(input.length + 1);
  const removed = random.oneIn(2) ? 0 : random.below(random.oneIn(4) ? input.length - at : 64);
  return Buffer.concat([input.subarray(0, at), bytes, input.subarray(Math.min(at + removed, input.length))]);
}

function slice(input: Buffer, random: Random): Buffer {
  const at = random.below(input.length + 1);
  return input.subarray(at, at + random.below(random.oneIn(4) ? 8192 : 128));
}

function moveLine(input: Buffer, random: Random): Buffer {
  const lines = input.toString('latin1').split('\n');
  const [line = ''] = lines.splice(random.below(lines.length), 1);
  lines.splice(random.below(lines.length + 1), 0, line);
  return Buffer.from(lines.join('\n'), 'latin1');
}
