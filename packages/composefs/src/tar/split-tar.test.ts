import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { computeVerity } from '../fsverity/digest.ts';
import { openSplitStream } from '../splitstream/reader.ts';
import { createSplitStreamWriter } from '../splitstream/writer.ts';
import { emptyDirectory } from '../tree/tree.ts';
import { type MadeEntry, makeTar } from './make-tar.testing.ts';
import { applyLayer } from './read-layer.ts';
import { readTar } from './read-tar.testing.ts';
import { splitTar } from './split-tar.ts';

const arbitraryEntry: fc.Arbitrary<MadeEntry> = fc.record({
  name: fc.stringMatching(/^[a-z]{1,3}$/),
  type: fc.constantFrom('file', 'file', 'symlink', 'fifo'),
  mode: fc.constantFrom('644', '4755'),
  mtime: fc.nat(2_000_000_000),
  content: fc.constant(''),
  target: fc.constant('x'),
});

const arbitraryArchive = fc.tuple(
  fc.array(
    fc
      .tuple(arbitraryEntry, fc.oneof(fc.nat(200), fc.constantFrom(64, 65, 511, 512, 513, 5000)))
      .map(([entry, size]) => (entry.type === 'file' ? { ...entry, content: new Uint8Array(size).fill(size) } : entry)),
    { maxLength: 8 },
  ),
  fc.constantFrom(0, 512, 700),
);

async function* cut(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < bytes.length; offset += pieceBytes) yield bytes.subarray(offset, offset + pieceBytes);
}

async function split(archive: Buffer, pieceBytes: number) {
  const objects = new Map<string, Buffer>();
  const writer = createSplitStreamWriter('sha256', 'ocilayer');
  const parts: (Buffer | string)[] = [];
  await splitTar(cut(archive, pieceBytes), {
    writeInline: (bytes) => void parts.push(bytes),
    async writeObject(sizeBytes, chunks) {
      const content: Buffer[] = [];
      for await (const chunk of chunks) content.push(chunk);
      const object = Buffer.concat(content);
      expect(object.length).toBe(sizeBytes);
      const digest = computeVerity(object, 'sha256');
      objects.set(digest, object);
      parts.push(digest);
    },
  });
  for (const part of parts) {
    if (typeof part === 'string') await writer.writeObject(part, objects.get(part)?.length ?? 0);
    else await writer.writeInline(part);
  }
  return { objects, stream: await openSplitStream(await writer.finish(), 'sha256', 'ocilayer') };
}

test('split and merged is the archive, bit for bit, however it comes', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryArchive, fc.integer({ min: 1, max: 3000 }), async ([entries, rest], pieceBytes) => {
      const archive = Buffer.concat([makeTar(entries), Buffer.alloc(rest, 7)]);
      const { objects, stream } = await split(archive, pieceBytes);
      const merged: Buffer[] = [];
      for await (const chunk of stream.chunks()) {
        merged.push(chunk.kind === 'inline' ? chunk.bytes : (objects.get(chunk.digest) as Buffer));
      }
      expect(Buffer.concat(merged).equals(archive)).toBe(true);
      expect(stream.totalBytes).toBe(BigInt(archive.length));
      expect([...objects.values()].every(({ length }) => length > 64)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test('a split layer makes the tree of its archive', async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryArchive, async ([entries]) => {
      const archive = makeTar(entries);
      const { objects, stream } = await split(archive, 1000);
      const root = emptyDirectory();
      await applyLayer(root, stream);
      for (const node of root.entries.values()) {
        if (node.type !== 'file' || node.content.kind !== 'external') continue;
        const data = objects.get(node.content.digest) as Buffer;
        expect(node.content.sizeBytes).toBe(BigInt(data.length));
        node.content = { kind: 'inline', data };
      }
      const plain = (tree: typeof root) => JSON.stringify(inspect(tree));
      expect(plain(root)).toBe(plain(readTar(archive)));
    }),
    { numRuns: 60 },
  );
});

function inspect(root: ReturnType<typeof emptyDirectory>): unknown {
  return [...root.entries].map(([name, node]) => [
    name,
    node.type,
    node.metadata.permissions,
    String(node.metadata.mtimeSeconds),
    node.type === 'file' && node.content.kind === 'inline' ? Buffer.from(node.content.data).toString('hex') : '',
  ]);
}

test('an archive that ends inside a large file is refused', async () => {
  const archive = makeTar([{ name: 'x', type: 'file', content: new Uint8Array(5000) }]).subarray(0, 2000);
  await expect(split(archive, 600)).rejects.toMatchObject({ code: 'TAR_INVALID' });
});

test('of the two zero blocks, the archive of a stored layer may lack one', async () => {
  const archive = makeTar([{ name: 'x', type: 'fifo' }]);
  const writer = createSplitStreamWriter('sha256', 'ocilayer');
  await writer.writeInline(archive.subarray(0, 1024));
  const root = emptyDirectory();
  await applyLayer(root, await openSplitStream(await writer.finish(), 'sha256'));
  expect([...root.entries.keys()]).toEqual(['x']);
});

describe('a layer is refused', () => {
  const headers = (size: number) =>
    makeTar([{ name: 'x', type: 'file', content: new Uint8Array(size) }]).subarray(0, 512);
  const object = 'aa'.repeat(32);
  const cases: Record<string, { parts: (Buffer | string)[]; code: string }> = {
    'that keeps a large file in the stream': { parts: [headers(65), Buffer.alloc(512)], code: 'SPLITSTREAM_INVALID' },
    'that keeps a small file as an object': { parts: [headers(64), object], code: 'SPLITSTREAM_INVALID' },
    'with an object in place of headers': { parts: [object], code: 'SPLITSTREAM_INVALID' },
    'with an object inside of headers': { parts: [headers(65).subarray(0, 100), object], code: 'SPLITSTREAM_INVALID' },
    'that ends inside a header': { parts: [headers(5).subarray(0, 100)], code: 'TAR_INVALID' },
    'that ends before the content': { parts: [headers(5)], code: 'TAR_INVALID' },
    'that ends inside the padding': { parts: [headers(5), Buffer.alloc(100)], code: 'TAR_INVALID' },
    'that ends before the object': { parts: [headers(65)], code: 'TAR_INVALID' },
  };
  test.each(Object.entries(cases))('%s', async (_, { parts, code }) => {
    const writer = createSplitStreamWriter('sha256', 'ocilayer');
    for (const part of parts) {
      if (typeof part === 'string') await writer.writeObject(part, 65);
      else await writer.writeInline(part);
    }
    const stream = await openSplitStream(await writer.finish(), 'sha256');
    await expect(applyLayer(emptyDirectory(), stream)).rejects.toMatchObject({ code });
  });
});
