import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { cfs, cfsctl } from '../cli/run-both.testing.ts';
import { makeEntry, makeHeader, makePax, padded } from '../tar/make-tar.testing.ts';
import { describeRepository } from './describe-repository.testing.ts';
import { makeLayout, skeleton } from './make-layout.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'archive-structure-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());

const before = [...skeleton, { name: 'usr/file', type: 'file', content: 'x'.repeat(100) } as const].flatMap(makeEntry);
const after = makeEntry({ name: 'usr/after', type: 'file', content: 'after' });
const zero = Buffer.alloc(512);
const end = [zero, zero];
const header = (typeFlag: string, size: number) =>
  makeHeader({ name: 'usr/odd', typeFlag, linkName: 'usr/file', size, device: [1, 3] });
const data = (size: number) => padded(Buffer.alloc(size, 1));
const inHeader = (typeFlag: string, size: number) => [header(typeFlag, size), data(size)];
const inPax = (typeFlag: string, size: number) => [...makePax({ size: String(size) }), header(typeFlag, 0), data(size)];
const global = [makeHeader({ name: 'global', typeFlag: 'g', size: 10 }), padded(Buffer.from('10 x=yyyy\n'))];

/** What follows the first entries of an archive, and whether it is an image. */
const cases: Record<string, { blocks: Buffer[]; isTaken: boolean }> = {
  'a hard link with content': { blocks: [...inHeader('1', 5), ...after, ...end], isTaken: true },
  'a hard link with content by PAX': { blocks: [...inPax('1', 5), ...after, ...end], isTaken: true },
  'a hard link with much content': { blocks: [...inPax('1', 600_000), ...after, ...end], isTaken: true },
  'a hard link with content at the end': { blocks: inPax('1', 5000), isTaken: true },
  'a hard link whose content is missing': { blocks: [header('1', 100), ...after, ...end], isTaken: false },
  'a symlink with content': { blocks: [...inHeader('2', 5), ...after, ...end], isTaken: true },
  'a directory with content': { blocks: [...inHeader('5', 700), ...after, ...end], isTaken: true },
  'a pipe with content': { blocks: [...inHeader('6', 700), ...after, ...end], isTaken: true },
  'a device with content': { blocks: [...inPax('3', 700), ...after, ...end], isTaken: true },
  'a contiguous file': { blocks: [...inPax('7', 700), ...after, ...end], isTaken: true },
  'no zero block': { blocks: after, isTaken: true },
  'a lone zero block at the end': { blocks: [...after, zero], isTaken: false },
  'a lone zero block in the middle': { blocks: [zero, ...after, ...end], isTaken: true },
  'a zero block between headers': { blocks: [...makePax({ uid: '5' }), zero, ...after, ...end], isTaken: true },
  'part of a block at the end': { blocks: [...after, Buffer.alloc(100)], isTaken: false },
  'an extension of nothing': { blocks: [...after, ...makePax({ uid: '5' })], isTaken: false },
  'an extension before the end': { blocks: [...after, ...makePax({ uid: '5' }), ...end], isTaken: false },
  'a global header': { blocks: [...global, ...after, ...end], isTaken: true },
  'a global header after an extension': { blocks: [...makePax({ uid: '5' }), ...global, ...after], isTaken: true },
  'a global header at the end': { blocks: [...after, ...global], isTaken: true },
  'many global headers': { blocks: [...Array.from({ length: 17 }, () => global).flat(), ...after], isTaken: true },
};

test.each(Object.entries(cases))('%s is what it is to cfsctl', async (name, { blocks, isTaken }) => {
  const place = join(folder.name, name.replaceAll(' ', '-'));
  const source = `oci:${makeLayout(`${place}-layout`, [Buffer.concat([...before, ...blocks])])}`;
  const made = [];
  for (const [tool, path] of [[cfs, `${place}-ours`] as const, [cfsctl, `${place}-theirs`] as const]) {
    await tool(['init', '--insecure', '--algorithm', 'fsverity-sha256-12', path]);
    const { status } = await tool(['--repo', path, 'oci', 'pull', source, 'x', '--bootable']);
    expect(status).toBe(isTaken ? 0 : 1);
    await tool(['--repo', path, 'gc']);
    const { stdout } = await tool(['--repo', path, 'oci', 'dump', 'x']);
    // How far an import comes before it is refused is a matter of time, and the folder that it makes first stays, empty.
    const lines = describeRepository(path).filter((line) => isTaken || line !== 'objects  755');
    made.push([...lines, stdout]);
  }
  expect(made[0]).toEqual(made[1]);
});
