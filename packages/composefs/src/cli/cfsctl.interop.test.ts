import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ociVectors, vectorLayout } from '../oci/vector-image.testing.ts';
import { type MadeEntry, makeTar } from '../tar/make-tar.testing.ts';
import { makeTree } from './make-tree.testing.ts';
import { cfs, cfsctl, type Outcome } from './run-both.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'cfs-interop-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);
const [ours, theirs] = [at('ours'), at('theirs')];

/** Runs both with the same arguments, each with its own repository. */
async function both(args: string[], input?: Buffer): Promise<[ours: Outcome, theirs: Outcome]> {
  return [await cfs(['--repo', ours, ...args], input), await cfsctl(['--repo', theirs, ...args], input)];
}

const { image, imageBootable } = ociVectors.runs['vector/sha256/V1'] as { image: string; imageBootable: string };
const manifest = ociVectors.tags.vector?.manifest as string;
const source = `oci:${vectorLayout}:vector`;
const entries: MadeEntry[] = [
  { name: './', type: 'dir' },
  { name: './one', type: 'file', content: 'x'.repeat(200) },
  { name: './two ', type: 'file', content: 'x'.repeat(200), pax: { 'SCHILY.xattr.user.x': 'value' } },
  { name: 'plain', type: 'file', content: 'short' },
  { name: '/absolute', type: 'hardlink', target: './one' },
  { name: 'sub/', type: 'dir', pax: { mtime: '5.25' } },
  { name: 'sub/null', type: 'char', device: [1, 3] },
  { name: 'sub/link', type: 'symlink', target: '../a b' },
  { name: '.wh.gone', type: 'file' },
];
const archive = makeTar(entries);
const diffId = `sha256:${hash('sha256', archive, 'hex')}`;

beforeAll(async () => {
  await makeTree(at('tree'));
  const [made, real] = await both(['init', '--insecure', '--algorithm', 'fsverity-sha256-12']);
  expect(made.stdout.replace(ours, theirs)).toBe(real.stdout);
});

describe('every verb prints the same and exits with the same status', () => {
  // Later lines build on earlier ones.
  const lines: [args: string[], input?: Buffer][] = [
    [['oci', 'images']],
    [['images']],
    [['oci', 'pull', source, 'localhost/x', '--bootable']],
    [['oci', 'pull', `oci:${vectorLayout}:vector-xlink`, 'second']],
    [['oci', 'images']],
    [['oci', 'images', '--json']],
    [['oci', 'inspect', 'localhost/x']],
    [['oci', 'inspect', `@${manifest}`, '--manifest']],
    [['oci', 'inspect', 'localhost/x', '--config']],
    [['oci', 'inspect', 'nothing']],
    [['oci', 'dump', 'localhost/x']],
    [['oci', 'dump', '--bootable', '--xattrs', 'keep-user-xattrs', 'localhost/x']],
    [['oci', 'compute-id', 'localhost/x']],
    [['oci', 'compute-id', '--bootable', '--xattrs', 'keep-user-xattrs', 'second']],
    [['--erofs-version', '2', 'oci', 'compute-id', 'second']],
    [['oci', 'tag', manifest, 'third']],
    [['oci', 'tag', manifest, '@wrong']],
    [['oci', 'untag', 'third']],
    [['oci', 'untag', 'third']],
    [['oci', 'import-layer', diffId], archive],
    [['oci', 'import-layer', diffId, 'named'], archive],
    [['oci', 'import-layer', 'sha256:00'], archive],
    [['oci', 'layer', diffId]],
    [['oci', 'layer', diffId, '--json']],
    [['oci', 'layer', diffId, '--dumpfile']],
    [['oci', 'layer', diffId, '--dumpfile', '--json']],
    [['oci', 'layer', `sha256:${'0'.repeat(64)}`]],
    [['cat', `oci-layer-${diffId}`]],
    [['cat', 'refs/named']],
    [['cat', 'nothing']],
    [['oci', 'linked-erofs-images', image]],
    [['oci', 'linked-erofs-images', '0'.repeat(64)]],
    [['create-image', at('tree')]],
    [['create-image', at('tree'), 'named/tree']],
    [['create-image', '--bootable', at('tree'), 'boot']],
    [['create-image', '--no-propagate-usr-to-root', at('tree'), 'plain']],
    [['create-image', '--xattrs', 'keep-user-xattrs', at('tree')]],
    [['images']],
    [['list-images', '--no-trunc']],
    [['images', '--json']],
    [['image-objects', image]],
    [['image-objects', 'refs/named/tree']],
    [['image-objects', 'boot']],
    [['image-objects', 'nothing']],
    [['dump-files', imageBootable, '/usr/bin', '/bin', '/usr/bin/tool2', 'usr/lib']],
    [['dump-files', 'refs/plain', '/usr']],
    [['dump-files', 'refs/plain', '/usr/', 'usr/']],
    [['dump-files', '--backing-path-only', 'refs/plain', '/usr/65', '/usr/64', '/usr/null', '/link']],
    [['dump-files', '--backing-path-only', 'refs/plain', '/usr']],
    [['dump-files', imageBootable, '/nothing']],
    ...['compute-id', 'create-dumpfile'].flatMap((verb): [string[]][] => [
      [[verb, at('tree')]],
      [[verb, '--bootable', at('tree')]],
      [[verb, '--no-propagate-usr-to-root', at('tree')]],
      [['--no-repo', verb, at('tree')]],
      [['--no-repo', '--hash', 'sha256', '--erofs-version', '2', verb, at('tree')]],
      [[verb, at('nothing')]],
    ]),
    [['compute-karg', at('tree')]],
    [['--erofs-version', '0', 'compute-karg', at('tree')]],
    [['--no-repo', '--hash', 'sha512', '--erofs-version', '2', 'compute-karg', at('tree')]],
    [['fsck']],
    [['fsck', '--metadata-only']],
    [['oci', 'fsck']],
    [['oci', 'fsck', 'second']],
    [['oci', 'fsck', 'nothing']],
    [['oci', 'untag', 'second']],
    [['gc', '--root']],
    [['gc', '--root', image]],
    [['gc']],
    [['fsck']],
    [['--require-verity', 'fsck']],
    [['--hash', 'sha512', 'fsck']],
    [['init', '--insecure', '--algorithm', 'fsverity-sha512-12']],
    [['--repo', '/nowhere', 'fsck']],
    [['fsck', '--nothing']],
    [['nothing']],
    [['oci']],
  ];
  // Listed by cfsctl as the directory or a hash map has them.
  const listings = new Set(['images', 'list-images', 'image-objects']);
  test.each(lines)('%j', async (args, input) => {
    const [made, real] = await both(args, input);
    // The manifest's stream differs from run to run of cfsctl.
    const known = ({ status, stdout }: Outcome) => ({
      status,
      stdout: stdout.replace(/^verity {3}.*$/m, '').replaceAll(ours, theirs),
    });
    const inAnyOrder = listings.has(args.filter((arg) => !arg.startsWith('--'))[0] ?? '') || args[1] === 'images';
    const sorted = ({ status, stdout }: Outcome) => ({ status, stdout: stdout.split('\n').sort() });
    if (inAnyOrder) expect(sorted(known(made))).toEqual(sorted(known(real)));
    else expect(known(made)).toEqual(known(real));
    // Unlike ours, its import leaves garbage.
    if (args[1] === 'pull') await cfsctl(['--repo', theirs, 'gc']);
  });

  test('but a dry run foresees the links that will lead nowhere', async () => {
    await cfs(['--repo', ours, 'oci', 'tag', manifest, 'again']);
    await cfs(['--repo', ours, 'oci', 'untag', 'again']);
    const foreseen = await cfs(['--repo', ours, 'gc', '--dry-run']);
    const { stdout } = await cfs(['--repo', ours, 'gc']);
    expect(foreseen.stdout).toBe(`Dry run (no files deleted):\n${stdout}`);
  });

  test('but a tag of nothing is refused', async () => {
    expect((await cfs(['--repo', ours, 'oci', 'tag', `sha256:${'0'.repeat(64)}`, 'nothing'])).status).toBe(1);
  });

  test('fsck --json has the keys of cfsctl, and more', async () => {
    for (const args of [
      ['fsck', '--json'],
      ['oci', 'fsck', '--json'],
    ]) {
      const [made, real] = await both(args);
      expect(JSON.parse(made.stdout)).toMatchObject(JSON.parse(real.stdout));
    }
  });

  test.each([
    ['1', '2'],
    ['2', '1'],
  ])('in a repository of format %s images of format %s are made when asked for', async (own, asked) => {
    const outcomes = [];
    for (const [tool, name] of [[cfs, 'ours'] as const, [cfsctl, 'theirs'] as const]) {
      const repository = at(`deep/${name}/${own}`);
      await tool(['--erofs-version', own, 'init', '--insecure', '--algorithm', 'fsverity-sha256-12', repository]);
      const verb = (...args: string[]) => tool(['--repo', repository, '--erofs-version', asked, 'oci', ...args]);
      const { stdout } = await verb('pull', source, 'x', '--bootable');
      const images = readdirSync(join(repository, 'images')).sort();
      outcomes.push([/^Boot image:.*$/m.exec(stdout)?.[0], images, await verb('inspect', 'x')]);
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
  });

  test('image files are imported', async () => {
    const content = readFileSync(join(ours, 'images', image));
    const [made, real] = await both(['import-image', 'imported'], content);
    expect(made).toEqual(real);
    expect((await cfs(['--repo', ours, 'import-image', 'imported'], Buffer.alloc(5000))).status).toBe(1);
  });
});
