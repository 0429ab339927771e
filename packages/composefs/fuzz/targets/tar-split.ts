import { gzipSync } from 'node:zlib';
import { decodeTarSplit } from '../../src/containers-storage/tar-split.ts';
import type { FuzzTarget } from './target.ts';

const records = (lines: readonly object[]) => Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
const payload = (bytes: number) => Buffer.alloc(bytes, 7).toString('base64');

/** The records of tar-split(github.com/vbatts/tar-split), before they are compressed. */
export const tarSplit: FuzzTarget = {
  async makeCorpus() {
    return [
      records([
        { type: 2, payload: payload(512), position: 0 },
        { type: 1, name: './usr/x', size: 700, payload: 'AAAAAAAAAAA=', position: 1 },
        { type: 2, payload: payload(324), position: 2 },
        { type: 1, name: 'empty', size: 0, position: 3 },
        { type: 1, name_raw: Buffer.from([0xff, 0xfe]).toString('base64'), size: 5, position: 4 },
        { type: 2, payload: payload(1024), position: 5 },
      ]),
      records([{ type: 2, payload: payload(10_240) }]),
      records([{ type: 1, name: 'x', size: 9007199254740991 }]),
    ];
  },
  repair: (input, random) => (random.oneIn(16) ? damageGzip(input, random.below(64)) : gzipSync(input, { level: 1 })),
  async parse(input) {
    for await (const piece of decodeTarSplit(chunksOf(input), 'input')) {
      const isSound = piece.kind === 'bytes' || (piece.path.length >= 0 && Number.isSafeInteger(piece.sizeBytes));
      if (!isSound) throw new Error('a piece without a size');
    }
  },
  refusals: ['STORAGE_DAMAGED'],
};

function damageGzip(input: Buffer, at: number): Buffer {
  const packed = gzipSync(input, { level: 1 });
  packed[at % packed.length] = 0x55;
  return packed;
}

async function* chunksOf(input: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < input.length; at += 1000) yield input.subarray(at, at + 1000);
}
