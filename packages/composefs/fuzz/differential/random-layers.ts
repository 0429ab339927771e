import { CodedError } from '@workbench/run';
import { skeleton } from '../../src/oci/make-layout.testing.ts';
import { applyEntry } from '../../src/tar/apply-layer.ts';
import { type MadeEntry, makeTar } from '../../src/tar/make-tar.testing.ts';
import { readArchive } from '../../src/tar/read-tar.testing.ts';
import { type Directory, emptyDirectory } from '../../src/tree/tree.ts';
import type { Random } from '../random.ts';

const names = ['a', 'b', 'c', 'usr', 'x y', 'é', 'n'.repeat(99), '00', '.x'] as const;
const directories = ['', 'usr/', 'usr/lib/', 'etc/', './usr/', '/usr/', 'usr/a/', 'usr//lib/', 'run/'] as const;
const types: readonly MadeEntry['type'][] = [
  'file',
  'file',
  'file',
  'file',
  'dir',
  'dir',
  'symlink',
  'fifo',
  'char',
  'block',
  'hardlink',
  'hardlink',
];
const sizes = [0, 1, 63, 64, 65, 4096, 4097, 70_000];
const markers = ['.wh.a', '.wh.b', '.wh.usr', '.wh.lib', '.wh.nothing', '.wh..wh..opq', '.wh.', '.wh..wh.x'] as const;

/**
 * The layers of an image, the lowest first. Nearly all entries fit on what is below them; about one image in ten has one
 * that does not, or that no image can have, such as a sparse file.
 */
export function makeLayers(random: Random): MadeEntry[][] {
  const root = emptyDirectory();
  const layers = [skeleton, ...Array.from({ length: 1 + random.below(5) }, () => makeLayer(random))];
  const fitting: MadeEntry[][] = [];
  for (const layer of layers) {
    const kept: MadeEntry[] = [];
    for (const entry of layer) if (fits(root, entry) || random.oneIn(200)) kept.push(entry);
    fitting.push(kept);
  }
  return fitting;
}

/** Applies an entry to a tree if it can be; what an image cannot do without stays. */
function fits(root: Directory, made: MadeEntry): boolean {
  const former = new Map(root.entries);
  try {
    for (const { entry } of readArchive(makeTar([made]))) applyEntry(root, entry, undefined);
  } catch (error) {
    if (error instanceof CodedError) return false;
    throw error;
  }
  const isWhole = skeleton.every(({ name }) => {
    const top = name.split('/')[0] as string;
    return !former.has(top) || root.entries.get(top)?.type === 'directory';
  });
  if (!isWhole) root.entries = former;
  return isWhole;
}

function makeLayer(random: Random): MadeEntry[] {
  return Array.from({ length: random.below(20) }, () => {
    if (random.oneIn(7)) return { name: random.pick(directories) + random.pick(markers), type: 'file' } as MadeEntry;
    return makeEntry(random);
  });
}

function makeEntry(random: Random): MadeEntry {
  const type = random.pick(types);
  const name = random.pick(directories) + random.pick(names) + (type === 'dir' && random.oneIn(2) ? '/' : '');
  const size = random.oneIn(2) ? random.below(300) : random.pick(sizes);
  const pax = makePax(random, type);
  return {
    name,
    type,
    mode: random.pick(['644', '755', '4755', '1777', '0', '7777']),
    uid: random.pick([0, 1000, 70_000]),
    gid: random.pick([0, 0, 5]),
    mtime: random.pick([0, 1, 1_700_000_000]),
    target: random.pick(['usr/a', 'a', './usr/b', '/usr/lib/c', 'usr/lib/../x', 'etc/a']),
    device: random.pick([
      [5, 1],
      [259, 300],
      [0, 0],
    ] as [number, number][]),
    content: type === 'file' || random.oneIn(30) ? new Uint8Array(size).fill(size % 251) : '',
    ...(Object.keys(pax).length === 0 ? {} : { pax }),
  };
}

function makePax(random: Random, type: MadeEntry['type']): Record<string, string> {
  const pax: Record<string, string> = {};
  if (random.oneIn(6)) pax.mtime = random.pick(['5.5', '1700000000.123456789', '12', '0.1234567891', '7.', '3.x']);
  if (random.oneIn(6)) pax['SCHILY.xattr.user.x'] = random.pick(['', 'value', 'a=b\n']);
  if (random.oneIn(8)) pax['SCHILY.xattr.security.capability'] = '\x01\x02\x00\xff';
  if (random.oneIn(12)) pax['SCHILY.xattr.trusted.overlay.opaque'] = 'y';
  if (random.oneIn(12)) pax['LIBARCHIVE.xattr.user.y'] = 'eA==';
  if (random.oneIn(10)) pax.path = `usr/${random.pick(['p'.repeat(120), 'pax', 'lib/\xc3\xa9'])}`;
  if (random.oneIn(12)) pax.uid = random.pick(['123456', '4294967296', '0']);
  if (random.oneIn(12) && type === 'symlink') pax.linkpath = 'l'.repeat(random.pick([5, 200, 1500]));
  if (random.oneIn(150)) pax['GNU.sparse.major'] = '1';
  if (random.oneIn(200)) pax.mtime = '-5';
  return pax;
}
