import {
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vectorLayout } from '../src/oci/vector-image.testing.ts';
import { cfs } from './differential/cfs.ts';
import { mutate } from './mutate.ts';
import { createRandom, type Random } from './random.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'damaged-repository-' });
afterAll(() => folder.removeCallback());
const template = join(folder.name, 'template');
const path = join(folder.name, 'repository');
const cases = 8;

beforeAll(async () => {
  await cfs(['init', '--insecure', '--algorithm', 'fsverity-sha256-12', template]);
  for (const tag of ['vector', 'vector-xlink']) {
    await cfs(['--repo', template, 'oci', 'pull', `oci:${vectorLayout}:${tag}`, tag, '--bootable']);
  }
});

// Links are not followed: they may lead anywhere by now.
function listNames(below: string): string[] {
  return readdirSync(join(path, below), { withFileTypes: true }).flatMap((entry) => {
    const name = join(below, entry.name);
    return entry.isDirectory() ? [name, ...listNames(name)] : [name];
  });
}

/** Harms one thing in a repository. @returns what it did. */
function harm(random: Random): string {
  const names = listNames('');
  if (names.length === 0) return 'nothing is left';
  const name = random.pick(names.sort());
  const at = join(path, name);
  const stats = lstatSync(at);
  const way = random.below(6);
  if (way === 0 || (way < 4 && stats.isDirectory())) {
    rmSync(at, { recursive: true });
    return `without ${name}`;
  }
  if (way < 4 && stats.isFile()) {
    const content = readFileSync(at);
    writeFileSync(at, mutate(content, random, [content]));
    return `${name} changed`;
  }
  const target = stats.isSymbolicLink() ? readlinkSync(at) : '../nothing';
  rmSync(at, { recursive: true });
  if (way === 4) mkdirSync(at);
  else if (way === 5) writeFileSync(at, random.bytes(20));
  else
    symlinkSync(
      mutate(Buffer.from(target), random, [Buffer.from(random.pick(names))])
        .toString('latin1')
        .replaceAll('\0', '') || 'x',
      at,
    );
  return `${name} replaced (${way})`;
}

test('whatever is damaged, every verb answers or says what is wrong', { timeout: 600_000 }, async () => {
  for (let index = 0; index < cases; index++) {
    const random = createRandom(40_000, index);
    rmSync(path, { recursive: true, force: true });
    cpSync(template, path, { recursive: true, verbatimSymlinks: true });
    const harms = Array.from({ length: 1 + random.below(3) }, () => harm(random));
    const verbs = [
      ['fsck'],
      ['oci', 'fsck'],
      ['oci', 'images'],
      ['images'],
      ['oci', 'inspect', 'vector'],
      ['oci', 'compute-id', 'vector-xlink'],
      ['gc', '--dry-run'],
      ['fsck', '--repair', `oci:${vectorLayout}:vector`],
      ['gc'],
    ];
    for (const verb of verbs) {
      const { stderr } = await cfs(['--repo', path, ...verb]);
      expect({ index, harms, verb, stderr }).toMatchObject({ stderr: expect.not.stringContaining('please report') });
    }
  }
});
