import { readdirSync, realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import { cfs, cfsctl, type Outcome } from '../cli/run-both.testing.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { describeRepository } from './describe-repository.testing.ts';
import { makeArtifact, makeLayout, skeleton, type TypedBlob } from './make-layout.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'artifacts-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);

const archive = makeTar([...skeleton, { name: 'usr/x', type: 'file', content: 'x'.repeat(1000) }]);
const archiveType = 'application/vnd.oci.image.layer.v1.tar';
const text: TypedBlob = ['text/plain', 'content of no archive'];
const config: TypedBlob = ['application/vnd.example.config+json', '{"a":1}'];

const artifacts: Record<string, { layers: TypedBlob[]; config?: TypedBlob }> = {
  'one blob': { layers: [text] },
  'two blobs': { layers: [['application/example', Buffer.alloc(5000, 1)], text] },
  'no blob': { layers: [] },
  'a blob of no bytes': { layers: [['text/plain', '']] },
  'the blob of the empty configuration': { layers: [['application/vnd.oci.empty.v1+json', '{}']] },
  'a configuration of its own': { layers: [text], config },
  'an archive': { layers: [[archiveType, archive]], config },
  'a compressed archive': { layers: [[`${archiveType}+gzip`, gzipSync(archive)]], config },
  'an archive of another type': { layers: [['application/x-tar', archive]], config },
  'no archive, though it is said to be one': { layers: [[archiveType, 'no archive']], config },
};

async function makeRepository(tool: typeof cfs, path: string): Promise<(...args: string[]) => Promise<Outcome>> {
  await tool(['init', '--insecure', '--algorithm', 'fsverity-sha256-12', path]);
  return (...args) => tool(['--repo', path, ...args]);
}

// The streams of manifests differ from run to run of cfsctl where there are several layers; so does the order of parallel imports.
const known = ({ status, stdout }: Outcome) => [status, stdout.replace(/(verity:? +)[0-9a-f]{64}/g, '$1')];

test.each(Object.entries(artifacts))('an artifact with %s is what it is to cfsctl', async (name, artifact) => {
  const place = at(name.replaceAll(' ', '-'));
  const source = `oci:${makeArtifact(`${place}-layout`, artifact.layers, artifact.config)}`;
  const seen = [];
  for (const [tool, path] of [[cfs, `${place}-ours`] as const, [cfsctl, `${place}-theirs`] as const]) {
    const verb = await makeRepository(tool, path);
    const outcomes = [await verb('oci', 'pull', source, 'artifact')];
    for (const args of [
      ['oci', 'images', '--json'],
      ['oci', 'inspect', 'artifact'],
      ['oci', 'fsck'],
      ['oci', 'compute-id', 'artifact'],
      ['oci', 'dump', 'artifact'],
      ['oci', 'pull', source, 'again'],
      ['gc'],
    ]) {
      outcomes.push(await verb(...args));
    }
    const isTaken = outcomes[0]?.status === 0;
    seen.push([outcomes.map(known), isTaken ? describeRepository(path) : []]);
  }
  expect(seen[0]).toEqual(seen[1]);
});

// cfsctl makes empty archives of them.
test('a copy of an artifact is the artifact', async () => {
  const source = `oci:${makeArtifact(at('copied-layout'), [text, [archiveType, archive]])}`;
  const [original, copy] = [await makeRepository(cfs, at('original')), await makeRepository(cfs, at('copy'))];
  await original('oci', 'pull', source, 'artifact');
  expect((await copy('oci', 'copy', '--from', at('original'), 'artifact', '--name', 'artifact')).status).toBe(0);
  expect(describeRepository(at('copy'))).toEqual(describeRepository(at('original')));
});

test('a blob that is an archive to an image is both', async () => {
  const verb = await makeRepository(cfs, at('both'));
  const sources = [
    makeArtifact(at('both-blob'), [['application/x-tar', archive]]),
    makeLayout(at('both-image'), [archive]),
  ];
  for (const source of [...sources, ...sources]) {
    expect((await verb('oci', 'pull', `oci:${source}`, source)).status).toBe(0);
    expect((await verb('gc', '--dry-run')).stdout).toContain('Objects: 0 removed');
  }
  expect((await verb('oci', 'fsck')).stdout).toMatch(/status: ok\noci images: 2\/2 ok$/m);
  expect((await verb('oci', 'compute-id', sources[1] as string)).status).toBe(0);
});

test('nothing of an artifact can be booted, which is told when it is imported', async () => {
  const source = `oci:${makeArtifact(at('no-boot-layout'), [text])}`;
  const [ours, theirs] = [
    await makeRepository(cfs, at('no-boot-ours')),
    await makeRepository(cfsctl, at('no-boot-theirs')),
  ];
  const pull = ['oci', 'pull', source, 'artifact', '--bootable'];
  expect(known(await ours(...pull))).toEqual(known(await theirs(...pull)));
  expect(describeRepository(at('no-boot-ours'))).toEqual(describeRepository(at('no-boot-theirs')));
});

test('several artifacts without configuration are side by side, and clean to cfsctl', async () => {
  const path = at('several');
  const verb = await makeRepository(cfs, path);
  const judge = (...args: string[]) => cfsctl(['--repo', path, ...args]);
  const sources = {
    text: makeArtifact(at('several-text'), [text]),
    binary: makeArtifact(at('several-binary'), [['application/example', Buffer.alloc(5000, 1)]]),
    none: makeArtifact(at('several-none'), []),
  };
  for (const [tag, source] of Object.entries(sources)) {
    expect((await verb('oci', 'pull', `oci:${source}`, tag)).status).toBe(0);
  }
  for (const tool of [verb, judge]) {
    expect((await tool('oci', 'fsck')).stdout).toMatch(/status: ok\noci images: 3\/3 ok$/m);
    expect((await tool('gc', '--dry-run')).stdout).toContain('Objects: 0 removed');
  }
  for (const tag of ['text', 'none']) expect((await verb('oci', 'untag', tag)).status).toBe(0);
  expect((await verb('gc')).stdout).toContain('Objects: 8 removed');
  expect(await judge('oci', 'inspect', 'binary')).toEqual(await verb('oci', 'inspect', 'binary'));
  expect((await judge('oci', 'fsck')).stdout).toMatch(/status: ok\noci images: 1\/1 ok$/m);
});

test('a blob that is lost is found by the check of images', async () => {
  const lines = [];
  for (const [tool, path] of [[cfs, at('lost-ours')] as const, [cfsctl, at('lost-theirs')] as const]) {
    const verb = await makeRepository(tool, path);
    await verb('oci', 'pull', `oci:${makeArtifact(`${path}-layout`, [text])}`, 'artifact');
    const name = readdirSync(join(path, 'streams')).find((each) => each.startsWith('oci-layer-')) as string;
    rmSync(realpathSync(join(path, 'streams', name)));
    const { status, stdout } = await verb('oci', 'fsck');
    lines.push([status, /^.*artifact-layer-object-missing: artifact: sha256:[0-9a-f]{64}/m.exec(stdout)?.[0]]);
  }
  expect(lines[0]).toEqual(lines[1]);
  expect(lines[0]?.[1]).toBeDefined();
});
