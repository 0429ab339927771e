import { hash } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { decodeHeader, headerBytes } from '../../src/splitstream/format.ts';
import { openSplitStream } from '../../src/splitstream/reader.ts';
import { createSplitStreamWriter } from '../../src/splitstream/writer.ts';
import { makeTar } from '../../src/tar/make-tar.testing.ts';
import { applyLayer } from '../../src/tar/read-layer.ts';
import { emptyDirectory } from '../../src/tree/tree.ts';
import { mutate } from '../mutate.ts';
import type { FuzzTarget } from './target.ts';

const algorithm = 'sha256';

/** Split streams, and the layers in them. */
export const splitStream: FuzzTarget = {
  async makeCorpus() {
    const digest = (text: string) => hash('sha256', text, 'hex');
    const archive = makeTar([
      { name: 'usr/', type: 'dir' },
      { name: 'usr/x', type: 'file', content: 'x'.repeat(1024) },
      { name: 'usr/y', type: 'symlink', target: 'x' },
    ]);
    const layer = createSplitStreamWriter(algorithm, 'ocilayer');
    await layer.writeInline(archive.subarray(0, 1024));
    await layer.writeObject(digest('x'), 1024);
    await layer.writeInline(archive.subarray(2048));
    const config = createSplitStreamWriter(algorithm, 'ociconfg');
    for (const name of ['sha256:a', 'sha256:b', 'composefs.image.v1']) config.addNamedReference(name, digest(name));
    await config.writeObject(digest('config'), 700);
    const empty = createSplitStreamWriter(algorithm, 'oci_blob');
    const files = await Promise.all([layer.finish(), config.finish(), empty.finish()]);
    return [...files, ...files.map(inFormerOrder)];
  },
  // What is in the frames is out of reach otherwise.
  repair(input, random) {
    if (random.oneIn(2)) return input;
    const [field, offset] = random.oneIn(3) ? (['namedReferences', 48] as const) : (['stream', 32] as const);
    try {
      const { start, end } = decodeHeader(input, algorithm)[field];
      const content = zstdDecompressSync(input.subarray(start, end), { maxOutputLength: 1 << 20 });
      const frame = zstdCompressSync(mutate(content, random, [content]));
      const moved = Buffer.concat([input, frame]);
      moved.writeBigUInt64LE(BigInt(input.length), headerBytes + offset);
      moved.writeBigUInt64LE(BigInt(moved.length), headerBytes + offset + 8);
      return moved;
    } catch {
      return input;
    }
  },
  async parse(input) {
    const stream = await openSplitStream(input, algorithm);
    if (stream.contentType === 'ocilayer') return applyLayer(emptyDirectory(), stream);
    for await (const _ of stream.chunks());
  },
  refusals: ['SPLITSTREAM_INVALID', 'TAR_INVALID'],
};

// The header as bootc up to 1.15 wrote it: the info section first.
function inFormerOrder(file: Buffer): Buffer {
  return Buffer.concat([
    file.subarray(16, 32),
    file.subarray(12, 14),
    file.subarray(0, 12),
    file.subarray(14, 16),
    file.subarray(32),
  ]);
}
