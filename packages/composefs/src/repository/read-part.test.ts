import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { findNode } from '../tree/find-node.ts';
import { type Directory, emptyDirectory, type Leaf, zeroMetadata } from '../tree/tree.ts';
import { commitLinks } from './commit.ts';
import { readImageTree, storeImage } from './images.ts';
import { initRepository } from './init-repository.ts';
import { readImagePart } from './read-part.ts';

const file = (text: string): Leaf => ({
  type: 'file',
  metadata: zeroMetadata(),
  content: { kind: 'inline', data: Buffer.from(text) },
});

function directory(entries: Record<string, Directory | Leaf>): Directory {
  return { ...emptyDirectory(), entries: new Map(Object.entries(entries)) };
}

test('a part of an image is what the whole image has there', async () => {
  const folder = dirSync({ unsafeCleanup: true });
  using _folder = { [Symbol.dispose]: () => folder.removeCallback() };
  await using repository = await initRepository(`${folder.name}/repository`, {
    algorithm: 'sha256',
    verity: 'off',
    erofsFormats: { default: 1 },
  });
  const tree = directory({
    etc: directory({ deep: directory({ er: directory({ file: file('x') }) }), hostname: file('h') }),
    etcetera: file('not this'),
    usr: directory({ lib: directory({ 'os-release': file('ID=x'), other: directory({ a: file('a') }) }) }),
  });
  const digest = await storeImage(repository, tree, 1);
  await commitLinks(repository, [{ folder: 'images', name: digest, digest }]);

  const whole = readImageTree(repository, digest);
  const part = readImagePart(repository, digest, ['etc', 'usr/lib/os-release', 'missing/thing']);
  expect([...part.entries.keys()]).toEqual(['etc', 'usr']);
  expect(findNode(part, 'etc')).toEqual(findNode(whole, 'etc'));
  expect(findNode(part, 'usr/lib/os-release')).toEqual(findNode(whole, 'usr/lib/os-release'));
  expect(findNode(part, 'usr/lib/other')).toBeUndefined();
});
