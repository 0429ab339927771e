import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cfs, cfsctl } from './run-both.testing.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'cfs-init-', tmpdir: '/dev/shm' });
afterAll(() => folder.removeCallback());
const at = (name: string) => join(folder.name, name);
const initSha256 = ['init', '--insecure', '--algorithm', 'fsverity-sha256-12'];

beforeAll(async () => {
  mkdirSync(at('tree/usr'), { recursive: true });
  writeFileSync(at('tree/usr/file'), 'x'.repeat(100));
  await cfsctl([...initSha256, at('present')]);
  await cfsctl([...initSha256, at('former')]);
  await cfsctl(['--repo', at('former'), 'create-image', at('tree')]);
  rmSync(at('former/meta.json'));
});

/** What a repository says of itself; nothing if it says nothing. */
function metadataOf(path: string): string {
  const file = join(path, 'meta.json');
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

// Of one that had no meta.json, ours says format 2, which all its images have, where cfsctl means that and says 1.
function withoutFormat(metadata: string): unknown {
  return JSON.parse(metadata).algorithm;
}

/** What both make of the same arguments, each with a copy of the same directory. */
async function initBoth(start: string | undefined, args: readonly string[]) {
  const outcomes = [];
  for (const tool of [cfs, cfsctl]) {
    const path = at('copy');
    rmSync(path, { recursive: true, force: true });
    if (start !== undefined) cpSync(at(start), path, { recursive: true });
    const outcome = await tool([...args, path]);
    const metadata = metadataOf(path);
    outcomes.push([outcome, outcome.stdout.startsWith('Upgraded') ? withoutFormat(metadata) : metadata]);
  }
  return outcomes;
}

const algorithms = ['fsverity-sha256-12', 'fsverity-sha512-12'];
const unknownAlgorithms = ['fsverity-md5-12', 'fsverity-sha256-16', 'sha256-12', 'sha256', ''];

describe.each([undefined, 'present', 'former'])('where there is %s', (start) => {
  test.each(algorithms)('init with %s', async (algorithm) => {
    const init = ['init', '--insecure', '--algorithm', algorithm];
    for (const args of [init, [...init, '--ensure'], ['--erofs-version', '2', ...init, '--ensure']]) {
      const [ours, theirs] = await initBoth(start, args);
      expect(ours).toEqual(theirs);
    }
  });

  test.each(unknownAlgorithms)('init with %s is a wrong command line', async (algorithm) => {
    const [ours, theirs] = await initBoth(start, ['init', '--insecure', '--ensure', '--algorithm', algorithm]);
    expect(ours).toEqual(theirs);
    expect(ours?.[0]).toMatchObject({ status: 2 });
  });
});

test('--hash has no say in what is made', async () => {
  for (const hash of ['sha256', 'sha512']) {
    const [ours, theirs] = await initBoth(undefined, ['--hash', hash, ...initSha256]);
    expect(ours).toEqual(theirs);
  }
});
