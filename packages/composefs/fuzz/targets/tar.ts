import { applyEntry } from '../../src/tar/apply-layer.ts';
import { type MadeEntry, makeHeader, makeTar, padded, writeChecksum } from '../../src/tar/make-tar.testing.ts';
import { readArchive } from '../../src/tar/read-tar.testing.ts';
import { splitTar } from '../../src/tar/split-tar.ts';
import { emptyDirectory } from '../../src/tree/tree.ts';
import type { FuzzTarget } from './target.ts';

/** Archives. What is split can be put together again bit for bit, and makes a tree or is refused. */
export const tar: FuzzTarget = {
  async makeCorpus() {
    const entries: MadeEntry[] = [
      { name: './', type: 'dir' },
      { name: 'usr/', type: 'dir', mode: '755', mtime: 5 },
      { name: 'usr/small', type: 'file', content: 'small' },
      { name: 'usr/large', type: 'file', content: 'large '.repeat(200) },
      { name: 'usr/linked', type: 'hardlink', target: 'usr/small' },
      { name: 'usr/symlink', type: 'symlink', target: '../x' },
      { name: 'usr/null', type: 'char', device: [1, 3] },
      { name: 'usr/block', type: 'block', device: [259, 300] },
      { name: 'usr/fifo', type: 'fifo' },
      { name: '/etc', type: 'dir' },
      { name: 'etc/x', type: 'file', pax: { path: `etc/${'p'.repeat(150)}`, mtime: '17.25', uid: '70000' } },
      {
        name: 'etc/y',
        type: 'file',
        content: 'y',
        pax: { 'SCHILY.xattr.user.x': 'value', size: '1', 'GNU.other': '' },
      },
      { name: 'usr/.wh.small', type: 'file' },
      { name: 'etc/.wh..wh..opq', type: 'file' },
    ];
    const long = (typeFlag: string, text: string) =>
      Buffer.concat([makeHeader({ name: '././@LongLink', typeFlag, size: text.length }), padded(Buffer.from(text))]);
    return [
      makeTar(entries),
      ...entries.slice(2).map((entry) => makeTar([...entries.slice(0, 2), entry])),
      Buffer.concat([long('L', `usr/${'n'.repeat(200)}\0`), long('K', 'usr\0'), makeTar([entries[5] as MadeEntry])]),
      Buffer.concat([long('g', '11 x=yyyy\n'), makeTar(entries.slice(0, 3)), Buffer.from('after the end')]),
    ];
  },
  repair(input, random) {
    if (random.oneIn(8)) return input;
    // A block with the magic of a header gets the checksum that fits it.
    for (let at = 0; at + 512 <= input.length; at += 512) {
      if (input.toString('latin1', at + 257, at + 262) === 'ustar') writeChecksum(input.subarray(at, at + 512));
    }
    return input;
  },
  async parse(input) {
    const parts: Buffer[] = [];
    await splitTar(chunksOf(input), {
      writeInline: (bytes) => parts.push(bytes),
      async writeObject(sizeBytes, chunks) {
        let taken = 0;
        for await (const chunk of chunks) {
          parts.push(chunk);
          taken += chunk.length;
        }
        if (taken !== sizeBytes) throw new Error(`an object of ${sizeBytes} bytes got ${taken}`);
      },
    });
    if (!Buffer.concat(parts).equals(input)) throw new Error('the parts are not the archive');
    const root = emptyDirectory();
    for (const { entry, content } of readArchive(input)) applyEntry(root, entry, { kind: 'inline', data: content });
  },
  refusals: ['TAR_INVALID'],
};

async function* chunksOf(input: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < input.length; at += 3000) yield input.subarray(at, at + 3000);
}
