import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import fc from 'fast-check';
import { dirSync } from 'tmp-promise';
import { afterAll, describe, expect, test } from 'vitest';
import { cfsMain } from '../cli/main.ts';
import { findCfsctl } from '../erofs/cfsctl.testing.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { type MadeEntry, makeEntry, makeHeader, makePax, makeTar, writeChecksum } from '../tar/make-tar.testing.ts';
import { describeRepository } from './describe-repository.testing.ts';
import { makeLayout, skeleton } from './make-layout.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'oci-interop-' });
afterAll(() => folder.removeCallback());
let count = 0;
const fresh = (name: string) => join(folder.name, `${name}-${count++}`);

async function cfsctl(...args: string[]): Promise<string> {
  const result = await run([findCfsctl(), ...args], {
    step: `cfsctl ${args.slice(0, 4).join(' ')}`,
    timeoutMs: 60_000,
  });
  return result.stdout.trimEnd();
}

async function cfs(...args: string[]): Promise<string> {
  const output: string[] = [];
  const write = (text: string) => output.push(text);
  const status = await cfsMain(args, { write, writeError: write });
  if (status !== 0) throw new Error(output.join(''));
  return output.join('').trimEnd();
}

const names = fc.constantFrom('a', 'b', 'c', 'usr', 'x y', 'é', 'n'.repeat(99));
const directory = fc.constantFrom('', 'usr/', 'usr/lib/', 'etc/', './usr/', '/usr/');
const content = fc
  .oneof(fc.constantFrom(0, 1, 63, 64, 65, 4096, 4097, 70_000), fc.nat(300))
  .map((size) => new Uint8Array(size).fill(size % 251));
const pax = fc.oneof(
  fc.constant({}),
  fc.record({ mtime: fc.constantFrom('5.5', '1700000000.123456789', '12') }),
  fc.record({
    'SCHILY.xattr.user.x': fc.constantFrom('', 'value'),
    'SCHILY.xattr.security.capability': fc.constant('\x01\x02'),
  }),
);
const entry: fc.Arbitrary<MadeEntry> = fc
  .record({
    directory,
    name: names,
    type: fc.constantFrom<MadeEntry['type'][]>('file', 'file', 'file', 'dir', 'symlink', 'fifo', 'char', 'block'),
    mode: fc.constantFrom('644', '755', '4755', '1777', '0'),
    uid: fc.constantFrom(0, 1000, 70_000),
    mtime: fc.constantFrom(0, 1, 1_700_000_000),
    content,
    device: fc.constantFrom<[number, number][]>([5, 1], [259, 300]),
    pax,
  })
  .map((made) => ({
    ...made,
    name: made.directory + made.name + (made.type === 'dir' ? '/' : ''),
    target: 'target',
    content: made.type === 'file' ? made.content : '',
    ...(Object.keys(made.pax).length === 0 ? {} : { pax: made.pax }),
  }));
const whiteout: fc.Arbitrary<MadeEntry> = fc
  .tuple(directory, fc.constantFrom('.wh.a', '.wh.usr', '.wh.b', '.wh..wh..opq', '.wh.nothing'))
  .map(([where, name]) => ({ name: where + name, type: 'file' }));
const layer = fc.array(fc.oneof({ weight: 6, arbitrary: entry }, { weight: 1, arbitrary: whiteout }), {
  maxLength: 12,
});

async function importBoth(layers: readonly Buffer[], algorithm: HashAlgorithm, format: 1 | 2) {
  const layout = makeLayout(fresh('layout'), layers);
  const [ours, theirs] = [fresh('ours'), fresh('theirs')];
  const init = ['--erofs-version', String(format), 'init', '--insecure', '--algorithm', `fsverity-${algorithm}-12`];
  await cfs(...init, ours);
  await cfsctl(...init, theirs);
  const outcomes = await Promise.allSettled([
    cfs('--repo', ours, 'oci', 'pull', `oci:${layout}`, 'x/y', '--bootable'),
    cfsctl('--repo', theirs, 'oci', 'pull', `oci:${layout}`, 'x/y', '--bootable'),
  ]);
  return { ours, theirs, outcomes };
}

test('random images become the same repository, or are refused by both', { timeout: 240_000 }, async () => {
  let accepted = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(layer, { maxLength: 3 }),
      fc.constantFrom<HashAlgorithm[]>('sha256', 'sha512'),
      fc.constantFrom(1, 2) as fc.Arbitrary<1 | 2>,
      async (layers, algorithm, format) => {
        const archives = [makeTar(skeleton), ...layers.map(makeTar)];
        const { ours, theirs, outcomes } = await importBoth(archives, algorithm, format);
        expect(outcomes[0].status).toBe(outcomes[1].status);
        if (outcomes[0].status === 'rejected') return;
        accepted += 1;
        await cfsctl('--repo', theirs, 'gc');
        expect(describeRepository(ours)).toEqual(describeRepository(theirs));
        expect(await cfs('--repo', ours, 'oci', 'dump', 'x/y')).toBe(
          await cfsctl('--repo', ours, 'oci', 'dump', 'x/y'),
        );
      },
    ),
    { numRuns: 25 },
  );
  expect(accepted).toBeGreaterThan(5);
});

describe('headers that are seldom seen', () => {
  const made = (fields: { pax?: Record<string, string>; change?: (header: Buffer) => unknown }): Buffer[] => {
    const header = makeHeader({ name: 'usr/x', typeFlag: '0', size: 0 });
    fields.change?.(header);
    return [...(fields.pax === undefined ? [] : makePax(fields.pax)), writeChecksum(header)];
  };
  const cases: Record<string, Buffer[]> = {
    'a time before 1970': made({ change: (header) => header.fill(0xff, 136, 147).fill(0xfb, 147, 148) }),
    'a time of more than 64 bits': made({ change: (header) => header.fill(0x81, 136, 148) }),
    'an owner below zero': made({ change: (header) => header.fill(0xff, 108, 116) }),
    'an owner after a NUL': made({ change: (header) => header.write('\x00000012', 108) }),
    'an owner after a tab': made({ change: (header) => header.write('\t12\0', 108) }),
    'an owner in pieces': made({ change: (header) => header.write('1 2', 108) }),
    'another version of ustar': made({
      change: (header) => header.write('ustar\x0001', 257) && header.write('usr', 345),
    }),
    'a PAX time beyond that of 63 bits': made({ pax: { mtime: '9223372036854775808' } }),
    'a PAX time with a long fraction': made({ pax: { mtime: '5.123456789x' } }),
    'PAX numbers with a sign': made({ pax: { mtime: '+5.+5', uid: '+18446744073709551615' } }),
    'a PAX number of more than 64 bits': made({ pax: { uid: '18446744073709551616' } }),
    'an empty PAX path': made({ pax: { path: '' } }),
    'an empty PAX link path': made({ pax: { linkpath: '' } }),
    'two PAX headers': [...makePax({ mtime: '5' }), ...made({ pax: { uid: '5' } })],
  };
  test.each(Object.entries(cases))('%s', async (_, blocks) => {
    const archive = Buffer.concat([...skeleton.flatMap(makeEntry), ...blocks, Buffer.alloc(1024)]);
    const { ours, theirs, outcomes } = await importBoth([archive], 'sha256', 1);
    expect(outcomes[0].status).toBe(outcomes[1].status);
    await cfsctl('--repo', theirs, 'gc');
    const links = (path: string) => describeRepository(path).filter((line) => line.startsWith('images/'));
    expect(links(ours)).toEqual(links(theirs));
  });
});

describe('a repository of ours', () => {
  test('is clean, readable and extended by cfsctl, and the other way round', async () => {
    const more: MadeEntry = { name: 'usr/lib/more', type: 'file', content: 'more '.repeat(100) };
    const { ours, theirs } = await importBoth([makeTar([...skeleton, more])], 'sha512', 1);
    const clean = /^meta.json: ok\n.*status: ok\noci images: 1\/1 ok$/s;
    expect(await cfsctl('--repo', ours, 'oci', 'fsck')).toMatch(clean);
    expect(await cfs('--repo', theirs, 'oci', 'fsck')).toMatch(clean);
    for (const verb of [
      ['oci', 'compute-id', 'x/y'],
      ['oci', 'compute-id', '--bootable', 'x/y'],
      ['oci', 'inspect', 'x/y'],
      ['oci', 'images', '--json'],
      ['oci', 'images'],
    ]) {
      const seen = await Promise.all(
        [cfs, cfsctl].flatMap((tool) => [ours, theirs].map((path) => tool('--repo', path, ...verb))),
      );
      expect(new Set(seen).size).toBe(1);
    }
    expect(await cfsctl('--repo', ours, 'gc', '-n')).toBe('Dry run (no files deleted):\nObjects: 0 removed (0 bytes)');
    const layout = makeLayout(fresh('layout'), [makeTar([...skeleton, { ...more, content: 'other '.repeat(100) }])]);
    await cfsctl('--repo', ours, 'oci', 'pull', `oci:${layout}`, 'second', '--bootable');
    await cfs('--repo', theirs, 'oci', 'pull', `oci:${layout}`, 'second', '--bootable');
    await cfs('--repo', ours, 'gc');
    await cfsctl('--repo', theirs, 'gc');
    expect(describeRepository(ours)).toEqual(describeRepository(theirs));
    await cfs('--repo', ours, 'oci', 'untag', 'x/y');
    await cfsctl('--repo', theirs, 'oci', 'untag', 'x/y');
    const collected = await cfs('--repo', ours, 'gc');
    expect(collected).toMatch(/^Objects: 8 removed .*\nPruned symlinks: 2 images, 3 streams$/s);
    expect(await cfsctl('--repo', theirs, 'gc')).toBe(collected);
  });

  test('with formats beyond the default is clean to cfsctl', async () => {
    const path = fresh('extra');
    mkdirSync(path);
    const metadata = {
      version: 1,
      algorithm: 'fsverity-sha512-12',
      features: { compatible: [], 'read-only-compatible': ['v1_erofs'], incompatible: [] },
      erofs_formats: { default: 1, extra: [2] },
    };
    writeFileSync(join(path, 'meta.json'), JSON.stringify(metadata));
    await cfs(
      '--repo',
      path,
      'oci',
      'pull',
      `oci:${makeLayout(fresh('layout'), [makeTar(skeleton)])}`,
      'x',
      '--bootable',
    );
    expect(readdirSync(join(path, 'images'))).toHaveLength(4);
    expect(await cfsctl('--repo', path, 'oci', 'fsck')).toMatch(/images: 4\/4 ok\nstatus: ok/);
    expect(await cfsctl('--repo', path, 'gc', '-n')).toBe('Dry run (no files deleted):\nObjects: 0 removed (0 bytes)');
    const images = readdirSync(join(path, 'images'));
    const linked = await cfsctl('--repo', path, 'oci', 'linked-erofs-images', images[0] as string);
    for (const image of images) expect(linked).toContain(image);
  });
});

test('the same damage is described by the same lines', async () => {
  const { ours } = await importBoth(
    [makeTar([...skeleton, { name: 'usr/x', type: 'file', content: new Uint8Array(100) }])],
    'sha256',
    1,
  );
  const file = readdirSync(join(ours, 'objects'), { recursive: true, encoding: 'utf8' }).find((name) => {
    return (
      lstatSync(join(ours, 'objects', name)).isFile() &&
      readFileSync(join(ours, 'objects', name)).equals(Buffer.alloc(100))
    );
  });
  writeFileSync(join(ours, 'objects', file as string), 'changed');
  const lines = async (output: Promise<string>) =>
    (await output.catch((error) => error.stdout ?? error.message)).trim().split('\n').sort();
  const seen = (await cfs('--repo', ours, 'fsck').catch((error: Error) => error.message)).split('\n');
  const last = seen.indexOf('hurt:');
  expect(seen.slice(0, last).sort()).toEqual(await lines(cfsctl('--repo', ours, 'fsck')));
  // Beyond what cfsctl says: the tag, and two images.
  const needers = seen
    .slice(last + 1)
    .filter((line) => line !== '')
    .map((line) => line.trim().split(':')[0]);
  expect(needers).toEqual(['- x/y', expect.stringContaining('- images/'), expect.stringContaining('- images/')]);
});
