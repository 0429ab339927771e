import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeArtifact } from '../oci/make-layout.testing.ts';
import { ociVectors, vectorLayout } from '../oci/vector-image.testing.ts';
import { cfs, cfsctl, type Outcome } from './run-both.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'cfs-images-', tmpdir: '/dev/shm' });
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

beforeAll(async () => {
  mkdirSync(at('mnt'));
  await both(['init', '--insecure', '--algorithm', 'fsverity-sha256-12']);
  await both(['oci', 'pull', source, 'localhost/x', '--bootable']);
});

test('an artifact in a repository is shown, and no hindrance', async () => {
  const path = at('artifact');
  await cfsctl(['init', '--insecure', '--algorithm', 'fsverity-sha256-12', path]);
  const pulled = await cfsctl([
    '--repo',
    path,
    'oci',
    'pull',
    `oci:${makeArtifact(at('artifact-layout'), [['application/example', 'content of no archive']])}`,
    'artifact',
  ]);
  expect(pulled.status).toBe(0);
  await cfsctl(['--repo', path, 'oci', 'pull', source, 'image']);
  for (const verb of [
    ['images', '--json'],
    ['inspect', 'artifact'],
    ['inspect', 'image'],
    ['fsck'],
    ['dump', 'artifact'],
  ]) {
    const args = ['--repo', path, 'oci', ...verb];
    const [made, real] = [await cfs(args), await cfsctl(args)];
    const list = ({ status, stdout }: Outcome) => [status, stdout.split(/,?\n/).sort()];
    expect(list(made)).toEqual(list(real));
  }
  expect((await cfs(['--repo', path, 'oci', 'images'])).stdout).toMatch(/artifact.*artifact/);
});

describe('copy', () => {
  test.each(['sha256', 'sha512'])('into a repository of %s', async (algorithm) => {
    const [copyOurs, copyTheirs] = [at(`copy-ours-${algorithm}`), at(`copy-theirs-${algorithm}`)];
    const init = ['init', '--insecure', '--algorithm', `fsverity-${algorithm}-12`];
    await cfs([...init, copyOurs]);
    await cfsctl([...init, copyTheirs]);
    const args = ['oci', 'copy', '--from', theirs, 'localhost/x', '--name', 'copied'];
    const made = await cfs(['--repo', copyOurs, ...args]);
    const real = await cfsctl(['--repo', copyTheirs, ...args]);
    // Unlike cfsctl we keep the image to boot, so that the streams differ.
    const known = ({ stdout }: Outcome) => stdout.replaceAll(/(verity: +).*/g, '$1');
    expect([made.status, known(made)]).toEqual([real.status, known(real)]);
    expect((await cfsctl(['--repo', copyOurs, 'oci', 'fsck'])).stdout).toMatch(
      /images: 2\/2 ok\nstatus: ok\noci images: 1\/1 ok/,
    );
    for (const verb of [
      ['oci', 'compute-id', 'copied'],
      ['oci', 'dump', 'copied'],
    ]) {
      expect(await cfs(['--repo', copyOurs, ...verb])).toEqual(await cfsctl(['--repo', copyTheirs, ...verb]));
    }
  });

  test('of nothing fails', async () => {
    const [made, real] = await both(['oci', 'copy', '--from', theirs, 'nothing']);
    expect(made).toEqual(real);
  });
});

describe('mount', () => {
  const mounted = async (args: string[]): Promise<string> => {
    const { status } = await cfs(['--repo', ours, ...args, at('mnt')]);
    expect(status).toBe(0);
    try {
      const { stdout } = await run(['findmnt', '-n', '-o', 'SOURCE,FSTYPE', at('mnt')], { step: 'look at the mount' });
      readFileSync(join(at('mnt'), 'usr/lib/os-release'));
      return stdout.trim();
    } finally {
      await run(['umount', at('mnt')], { step: 'unmount' });
    }
  };
  test('by digest, by tag, to boot', async () => {
    expect(await mounted(['mount', image])).toMatch(new RegExp(`^composefs:${image} +overlay$`));
    expect(await mounted(['oci', 'mount', 'localhost/x'])).toContain(image);
    expect(await mounted(['oci', 'mount', manifest])).toContain(image);
    expect(await mounted(['oci', 'mount', '--bootable', 'localhost/x'])).toContain(imageBootable);
    for (const args of [
      ['mount', 'nothing'],
      ['oci', 'mount', 'nothing'],
      ['mount', '--read-write', image],
    ]) {
      const [made, real] = await both([...args, at('mnt')]);
      expect([made.status > 0, made.stdout]).toEqual([real.status > 0, real.stdout]);
    }
  });
  test('with a layer that takes changes', async () => {
    for (const name of ['upper', 'work']) mkdirSync(at(name));
    const args = ['mount', '--upperdir', at('upper'), '--workdir', at('work'), '--read-write', image, at('mnt')];
    expect(await cfs(['--repo', ours, ...args])).toEqual({ status: 0, stdout: '' });
    try {
      writeFileSync(join(at('mnt'), 'usr/lib/new'), 'new');
    } finally {
      await run(['umount', at('mnt')], { step: 'unmount' });
    }
    expect(readFileSync(at('upper/usr/lib/new'), 'utf8')).toBe('new');
  });
});
