import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Directory, Node, Repository } from '@workbench/composefs';
import { expect, test } from 'vitest';
import { readBoundImages } from './bound-images.ts';
import { filesBelow, filesOfTree } from './image-files.ts';

type Tree = Readonly<Record<string, string | { link: string }>>;
const units = 'usr/share/containers/systemd';
const bound = 'usr/lib/bootc/bound-images.d';

function plantFolder(tree: Tree): string {
  const root = mkdtempSync(join(tmpdir(), 'bound-'));
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (typeof content === 'string') writeFileSync(join(root, path), content);
    else symlinkSync(content.link, join(root, path));
  }
  return root;
}

function plantTree(tree: Tree): Directory {
  const metadata = { permissions: 0o755, uid: 0, gid: 0, mtimeSeconds: 0n, mtimeNanoseconds: 0, xattrs: new Map() };
  const directory = (): Directory => ({ type: 'directory', metadata, entries: new Map() });
  const root = directory();
  for (const [path, content] of Object.entries(tree)) {
    const parts = path.split('/');
    let parent = root;
    for (const part of parts.slice(0, -1)) {
      const next = parent.entries.get(part) ?? directory();
      parent.entries.set(part, next);
      parent = next as Directory;
    }
    const leaf: Node =
      typeof content === 'string'
        ? { type: 'file', metadata, content: { kind: 'inline', data: Buffer.from(content) } }
        : { type: 'symlink', metadata, target: content.link };
    parent.entries.set(parts.at(-1)!, leaf);
  }
  return root;
}

const cases: readonly (readonly [string, Tree, unknown])[] = [
  ['none', {}, []],
  [
    'links to units, absolute, relative and through another link',
    {
      [`${units}/web.container`]: '[Unit]\nDescription=x\n[Container]\nImage=quay.io/example/web:1\n',
      [`${units}/db.image`]: '[Image]\nImage=quay.io/example/db:2\nAuthFile=/etc/db.json\n',
      [`${bound}/a.container`]: { link: `/${units}/web.container` },
      [`${bound}/b.image`]: { link: '../../../share/containers/systemd/db.image' },
      'usr/lib/alias': { link: `/${units}` },
      [`${bound}/c.container`]: { link: '../../alias/web.container' },
    },
    [
      { image: 'quay.io/example/web:1', fileName: 'a.container' },
      { image: 'quay.io/example/db:2', fileName: 'b.image', authFile: '/etc/db.json' },
    ],
  ],
  [
    'a container that names the unit of its image',
    {
      [`${units}/app.container`]: '[Container]\nImage=app.image\n',
      [`${units}/app.image`]: '[Image]\nImage=quay.io/example/app@sha256:00\n',
      [`${bound}/app.container`]: { link: `/${units}/app.container` },
    },
    [{ image: 'quay.io/example/app@sha256:00', fileName: 'app.container' }],
  ],
  [
    'a link that leads out',
    { [`${bound}/x.image`]: { link: '/../../../../../../etc/nothing.image' } },
    'leads to no file',
  ],
  ['a link to itself', { [`${bound}/x.image`]: { link: 'x.image' } }, 'leads to no file'],
  ['another kind of file', { [`${bound}/x.service`]: '[Service]\n' }, 'neither a .container nor a .image'],
  ['a unit without an image', { [`${bound}/x.image`]: '[Image]\nArch=x\n' }, 'has no Image= in [Image]'],
  ['a specifier', { [`${bound}/x.image`]: '[Image]\nImage=quay.io/%i\n' }, 'specifiers are not expanded'],
];

test.each(cases)('bound images, %s: the same from a folder and from a tree', async (_, tree, expected) => {
  const readers = [filesBelow(plantFolder(tree)), await filesOfTree({} as Repository, plantTree(tree))];
  for (const files of readers) {
    const found = readBoundImages(files);
    if (typeof expected === 'string') await expect(found).rejects.toThrow(expected);
    else expect(await found).toEqual(expected);
  }
});
