import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseDumpfile } from '../dumpfile/parse-dumpfile.ts';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { transformForBoot } from './boot-transform.ts';
import { findNode } from './find-node.ts';
import { transformImageTree } from './image-transform.ts';
import { type Directory, noAttributes } from './tree.ts';

const dumps = new URL('../../vectors/oci/dumps/', import.meta.url);
const algorithm = 'sha256';

const readInline = async (file: { content: { kind: string; data?: Uint8Array } }) => {
  if (file.content.data === undefined) throw new Error('not inline');
  return file.content.data;
};

function tree(...lines: string[]): Directory {
  const entries = ['/ 0 40700 2 1 1 0 1.1 - - - user.old=1', '/usr 0 40755 2 3 4 0 1000.5 - - - user.keep=1', ...lines];
  return parseDumpfile(`${entries.join('\n')}\n`, { algorithm });
}

test('the root becomes /usr, /run is emptied, and attributes are reduced', () => {
  const root = tree(
    '/run 0 40711 3 7 8 0 2.2 - - - security.capability=c',
    '/run/x 1 100644 1 0 0 0 1.0 - x -',
    '/usr/f 1 100644 1 0 0 0 1.0 - x - security.capability=c security.selinux=l trusted.x=1 user.y=2',
  );
  transformImageTree(root);
  expect(writeDumpfile(root)).toBe(
    `${[
      '/ 0 40755 4 3 4 0 1000.5 - - -',
      '/run 0 40711 2 7 8 0 1000.5 - - - security.capability=c',
      '/usr 0 40755 2 3 4 0 1000.5 - - -',
      '/usr/f 1 100644 1 0 0 0 1.0 - x - security.capability=c',
    ].join('\n')}\n`,
  );
});

test('user attributes are kept where the policy says so, and the root has its own metadata', () => {
  const root = tree();
  transformImageTree(root, 'keep-user-xattrs');
  expect(writeDumpfile(root)).toContain('/ 0 40755 3 3 4 0 1000.5 - - - user.keep=1\n');
  root.metadata.xattrs = noAttributes;
  expect(findNode(root, 'usr')?.metadata.xattrs.size).toBe(1);
});

test.each([
  ['/usr of the image is missing', parseDumpfile('/ 0 40755 2 0 0 0 0.0 - - -\n', { algorithm })],
  ['/run of the image is a symlink', tree('/run 1 120777 1 0 0 0 0.0 x - -')],
])('%s: refused', (message, root) => {
  expect(() => transformImageTree(root)).toThrow(expect.objectContaining({ code: 'TREE_NOT_A_ROOT' }));
  expect(() => transformImageTree(root)).toThrow(message);
});

test.each(['vector.sha256', 'vector.sha512', 'vector-xlink.sha256', 'vector-xlink.sha512'])(
  '%s: the boot image is the one cfsctl makes',
  async (name) => {
    const read = (kind: string) => readFileSync(new URL(`${name}.${kind}.dump`, dumps), 'utf8');
    const root = parseDumpfile(read('plain'), { algorithm: name.includes('512') ? 'sha512' : 'sha256' });
    await transformForBoot(root, readInline);
    expect(writeDumpfile(root)).toBe(read('bootable'));
  },
);

const bootRoot = ['/boot 0 40755 2 0 0 0 1.0 - - -', '/sysroot 0 40755 2 0 0 0 1.0 - - -'];

test('without a policy no label stays', async () => {
  const root = tree(...bootRoot, '/usr/f 1 100644 1 0 0 0 1.0 - x - security.selinux=l user.y=2');
  await transformForBoot(root, readInline);
  expect(writeDumpfile(root)).not.toContain('security.selinux');
  expect(writeDumpfile(root)).toContain('user.y=2');
});

test('a boot entry that is no file, and a missing /sysroot, are refused', async () => {
  const strange = tree(
    ...bootRoot,
    '/boot/loader 0 40755 2 0 0 0 1.0 - - -',
    '/boot/loader/entries 0 40755 2 0 0 0 1.0 - - -',
    '/boot/loader/entries/a.conf 0 40755 2 0 0 0 1.0 - - -',
  );
  await expect(transformForBoot(strange, readInline)).rejects.toMatchObject({ code: 'TREE_BOOT_ENTRY' });
  const partial = tree(...bootRoot.slice(0, 1));
  await expect(transformForBoot(partial, readInline)).rejects.toMatchObject({ code: 'TREE_NOT_A_ROOT' });
});

const policyFolder = [
  '/etc 0 40755 2 0 0 0 1.0 - - -',
  '/etc/selinux 0 40755 2 0 0 0 1.0 - - -',
  '/etc/selinux/config 1 100644 1 0 0 0 1.0 - #SELINUXTYPE=no\\nselinuxtype\\x20=\\x20targeted\\n -',
];
const contextsFolder = ['targeted', 'targeted/contexts', 'targeted/contexts/files'].map(
  (name) => `/etc/selinux/${name} 0 40755 2 0 0 0 1.0 - - -`,
);
const contexts = '/etc/selinux/targeted/contexts/files/file_contexts';
const contextsFile = (suffix: string, ...lines: string[]) =>
  `${contexts}${suffix} 1 100644 1 0 0 0 1.0 - ${lines.join('\n').replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll(' ', '\\x20')} -`;

test('a policy labels every path, its last matching line counts, and aliases lead elsewhere', async () => {
  const root = tree(
    ...bootRoot,
    ...policyFolder,
    ...contextsFolder,
    contextsFile('', '/.* any', '/usr/lib(/.*)? lib', '/usr/bin/[^/]+ -- bin', '/usr/bin/none <<none>>', '# x'),
    contextsFile('.local', '/usr/lib/special local'),
    contextsFile('.subs', '/usr/lib64 /usr/lib'),
    '/usr/lib 0 40755 2 0 0 0 1.0 - - - security.selinux=old',
    '/usr/lib/special 1 100644 1 0 0 0 1.0 - x -',
    '/usr/lib64 0 40755 2 0 0 0 1.0 - - -',
    '/usr/lib64/special 1 100644 1 0 0 0 1.0 - x -',
    '/usr/bin 0 40755 2 0 0 0 1.0 - - -',
    '/usr/bin/tool 1 100755 2 0 0 0 1.0 - x -',
    '/usr/bin/link 1 120777 1 0 0 0 1.0 tool - -',
    '/usr/bin/none 1 100755 1 0 0 0 1.0 - x - security.selinux=old',
    '/usr/other 0 @100755 - - - - 0.0 /usr/bin/tool - -',
  );
  await transformForBoot(root, readInline);
  const label = (path: string) => {
    const value = findNode(root, path)?.metadata.xattrs.get('security.selinux');
    return value && Buffer.from(value).toString();
  };
  expect(label('/')).toBe('any');
  expect(label('/usr/lib')).toBe('lib');
  expect(label('/usr/lib/special')).toBe('local');
  expect(label('/usr/lib64')).toBe('lib');
  expect(label('/usr/lib64/special')).toBe('local');
  expect(label('/usr/bin/tool')).toBe('bin');
  expect(label('/usr/bin/link')).toBe('any');
  expect(label('/usr/bin/none')).toBeUndefined();
  // One file, two labels: it is two files now.
  expect(label('/usr/other')).toBe('any');
  expect(findNode(root, '/usr/other')).not.toBe(findNode(root, '/usr/bin/tool'));
});

test('a policy that is named but missing, or cannot be understood, is refused', async () => {
  const missing = tree(...bootRoot, ...policyFolder);
  await expect(transformForBoot(missing, readInline)).rejects.toMatchObject({
    code: 'SELINUX_POLICY',
    message: expect.stringContaining('names targeted'),
  });
  const broken = tree(...bootRoot, ...policyFolder, ...contextsFolder, contextsFile('', '/a x', '/( y'));
  await expect(transformForBoot(broken, readInline)).rejects.toMatchObject({
    message: expect.stringContaining('file_contexts:2'),
  });
});
