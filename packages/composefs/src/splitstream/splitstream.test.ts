import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { constants, createZstdCompress, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { encodeHeader, isSplitStream } from './format.ts';
import { openSplitStream, type SplitStream } from './reader.ts';
import { createSplitStreamWriter } from './writer.ts';

const vectors = JSON.parse(readFileSync(new URL('../../vectors/vectors.json', import.meta.url), 'utf8')) as {
  oci: { runs: Record<string, { streamBytesBase64?: Record<string, string> }> };
};

const files = Object.entries(vectors.oci.runs).flatMap(([run, { streamBytesBase64 }]) =>
  Object.entries(streamBytesBase64 ?? {}).map(([name, base64]) => ({
    run,
    name,
    algorithm: (run.includes('sha512') ? 'sha512' : 'sha256') as HashAlgorithm,
    file: Buffer.from(base64, 'base64'),
  })),
);

async function read(stream: SplitStream) {
  const chunks: (string | Buffer)[] = [];
  for await (const chunk of stream.chunks()) chunks.push(chunk.kind === 'inline' ? chunk.bytes : chunk.digest);
  return chunks;
}

// The sizes of objects are not in the file, only their sum is.
async function rewrite(file: Buffer, algorithm: HashAlgorithm, namedOrder: (names: string[]) => string[]) {
  const stream = await openSplitStream(file, algorithm);
  const writer = createSplitStreamWriter(algorithm, stream.contentType);
  for (const name of namedOrder([...stream.namedReferences.keys()])) {
    writer.addNamedReference(name, stream.namedReferences.get(name) as string);
  }
  let left = Number(stream.totalBytes);
  const chunks = await read(stream);
  for (const chunk of chunks) if (typeof chunk !== 'string') left -= chunk.length;
  for (const chunk of chunks) {
    if (typeof chunk !== 'string') await writer.writeInline(chunk);
    else {
      await writer.writeObject(chunk, left);
      left = 0;
    }
  }
  return writer.finish();
}

describe('streams that cfsctl wrote', () => {
  test.each(files)('$run $name is written again byte for byte', async ({ name, algorithm, file }) => {
    const images = ['composefs.image', 'composefs.image.v1', 'composefs.image.boot', 'composefs.image.boot.v1'];
    const kindsInOrder = (reverseLayers: boolean) => (names: string[]) => {
      const layers = names.filter((each) => each.startsWith('sha256:'));
      return [
        ...names.filter((each) => each.startsWith('config:')),
        ...(reverseLayers ? layers.reverse() : layers),
        ...images.filter((image) => names.includes(image)),
      ];
    };
    // cfsctl puts the layers of a manifest in any order.
    const orders = [kindsInOrder(false), ...(name.startsWith('oci-manifest') ? [kindsInOrder(true)] : [])];
    const written = await Promise.all(orders.map((order) => rewrite(file, algorithm, order)));
    expect(written.some((bytes) => bytes.equals(file))).toBe(true);
  });

  test('there are some', () => expect(files.length).toBeGreaterThanOrEqual(8));
});

async function small(): Promise<Buffer> {
  const writer = createSplitStreamWriter('sha256', 'ociconfg');
  await writer.writeInline(Buffer.from('abc'));
  await writer.writeObject('11'.repeat(32), 10);
  writer.addNamedReference('one', '22'.repeat(32));
  return writer.finish();
}

test('an empty stream has empty frames that state their size', async () => {
  const file = await createSplitStreamWriter('sha256', 'ocilayer').finish();
  expect(file.subarray(112).toString('hex')).toBe('28b52ffd2000010000'.repeat(2));
  const stream = await openSplitStream(file, 'sha256', 'ocilayer');
  expect(await read(stream)).toEqual([]);
  expect(stream.totalBytes).toBe(0n);
});

test('what was written is read, however it was cut', async () => {
  const digest = fc.constantFrom('aa'.repeat(32), 'bb'.repeat(32), 'cc'.repeat(32));
  const chunk = fc.oneof(digest, fc.uint8Array({ maxLength: 300 }), fc.constant(new Uint8Array(300_000).fill(1)));
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { maxLength: 12 }), async (chunks) => {
      const writer = createSplitStreamWriter('sha256', 'ocilayer');
      for (const part of chunks) {
        if (typeof part === 'string') await writer.writeObject(part, 5);
        else await writer.writeInline(part);
      }
      const stream = await openSplitStream(await writer.finish(), 'sha256');
      const text = (parts: (string | Uint8Array)[]) =>
        parts.map((part) => (typeof part === 'string' ? `<${part}>` : Buffer.from(part).toString('latin1'))).join('');
      expect(text(await read(stream)) === text(chunks)).toBe(true);
      expect(stream.objectReferences).toEqual([...new Set(chunks.filter((part) => typeof part === 'string'))]);
    }),
    { numRuns: 40 },
  );
});

test('the order of header fields of bootc up to 1.15 is read', async () => {
  const file = await small();
  const former = Buffer.from(file);
  file.copy(former, 0, 16, 32);
  former.fill(0, 16, 18);
  file.copy(former, 18, 0, 11);
  former[29] = 0;
  file.copy(former, 30, 14, 16);
  expect(isSplitStream(former)).toBe(true);
  expect(await read(await openSplitStream(former, 'sha256'))).toEqual(
    await read(await openSplitStream(file, 'sha256')),
  );
});

describe('damage is reported', () => {
  const change = (edit: (file: Buffer) => Buffer | undefined) => async () => {
    const file = await small();
    return read(await openSplitStream(edit(file) ?? file, 'sha256'));
  };
  const set = (offset: number, value: number) => change((file) => file.fill(value, offset, offset + 1));
  const cases: Record<string, () => Promise<unknown>> = {
    'too short': change((file) => file.subarray(0, 20)),
    'no magic': set(0, 0),
    'a later version': set(11, 1),
    'another algorithm': set(14, 2),
    'another block size': set(15, 16),
    'a section outside the file': set(32 + 40, 255),
    'a section that ends before it begins': set(32 + 8, 0),
    'a list of half a digest': set(32 + 24, 0x80),
    'a damaged frame': change((file) => void file.fill(0xff, file.length - 8)),
    'a cut frame': async () => {
      const file = await small();
      file.writeBigUInt64LE(BigInt(file.length - 3), 32 + 40);
      return read(await openSplitStream(file, 'sha256'));
    },
    'another content type': async () => openSplitStream(await small(), 'sha256', 'ocilayer'),
  };
  test.each(Object.entries(cases))('%s', async (_, attempt) => {
    await expect(attempt()).rejects.toMatchObject({ code: 'SPLITSTREAM_INVALID' });
  });

  const withStream = async (content: Buffer) => {
    const file = await small();
    const frame = zstdCompressSync(content);
    const start = Number(file.readBigUInt64LE(32 + 32));
    file.writeBigUInt64LE(BigInt(start + frame.length), 32 + 40);
    return read(await openSplitStream(Buffer.concat([file.subarray(0, start), frame]), 'sha256'));
  };
  test('an object that is not listed', async () => {
    const content = Buffer.alloc(8);
    content.writeBigInt64LE(7n);
    await expect(withStream(content)).rejects.toMatchObject({ code: 'SPLITSTREAM_INVALID' });
  });
  test('an end in the middle of a chunk', async () => {
    const content = Buffer.alloc(10);
    content.writeBigInt64LE(-3n);
    await expect(withStream(content)).rejects.toMatchObject({ code: 'SPLITSTREAM_INVALID' });
  });
});

test('frames that claim or become very much are refused', async () => {
  const header = (names: Buffer) =>
    Buffer.concat([
      encodeHeader('sha256', {
        streamReferences: { start: 112, end: 112 },
        objectReferences: { start: 112, end: 112 },
        stream: { start: 112, end: 112 },
        namedReferences: { start: 112, end: 112 + names.length },
        contentType: 'oci_blob',
        totalBytes: 0n,
      }),
      names,
    ]);
  const bomb = zstdCompressSync(Buffer.alloc(50_000_000));
  await expect(openSplitStream(header(bomb), 'sha256')).rejects.toMatchObject({ code: 'SPLITSTREAM_INVALID' });
  const { ZSTD_c_windowLog, ZSTD_c_enableLongDistanceMatching } = constants;
  const compressor = createZstdCompress({ params: { [ZSTD_c_windowLog]: 27, [ZSTD_c_enableLongDistanceMatching]: 1 } });
  compressor.write(Buffer.from('x'));
  compressor.end();
  const wide = await buffer(compressor);
  await expect(openSplitStream(header(wide), 'sha256')).rejects.toMatchObject({ code: 'SPLITSTREAM_INVALID' });
});
