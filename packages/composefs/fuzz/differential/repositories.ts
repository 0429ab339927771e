import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeRepository } from '../../src/oci/describe-repository.testing.ts';
import { makeLayout, skeleton } from '../../src/oci/make-layout.testing.ts';
import { makeTar } from '../../src/tar/make-tar.testing.ts';
import { createRandom, type Random } from '../random.ts';
import { cfs } from './cfs.ts';
import { runCfsctl } from './cfsctl-batch.ts';
import type { Comparison, Difference } from './comparison.ts';
import { makeFolder } from './make-folder.ts';

const tags = ['x', 'localhost/y', 'z:1'] as const;

/**
 * Repositories that both work on in turn: pulls, tags, images of directories, collections, each done by one of them by
 * chance. After each step both find the repository clean, and in the end it is what ours alone makes.
 */
export const repositories: Comparison = {
  runs: 50,
  async compare({ seed, from, to, folder }) {
    const differences: Difference[] = [];
    for (let index = from; index < to; index++) {
      const place = join(folder, `repository-${index}`);
      const steps = await makeSteps(place, createRandom(seed, index));
      const problem = await follow(place, steps);
      if (problem !== undefined)
        differences.push({ index, problem, input: Buffer.from(JSON.stringify(steps, null, 1)) });
      for (const name of ['shared', 'alone', 'tree', ...[0, 1, 2].map((i) => `layout-${i}`)]) {
        rmSync(`${place}-${name}`, { recursive: true, force: true });
      }
    }
    return differences;
  },
};

interface Step {
  args: string[];
  byOurs: boolean;
}

async function makeSteps(place: string, random: Random): Promise<Step[]> {
  await makeFolder(`${place}-tree`, random);
  const layouts = [0, 1, 2].map((i) => {
    const content = (size: number) => new Uint8Array(size).fill(size % 251);
    const files = Array.from({ length: 1 + random.below(6) }, (_, file) => {
      return { name: `usr/lib/${file}`, type: 'file' as const, content: content(random.pick([5, 100, 5000])) };
    });
    return makeLayout(`${place}-layout-${i}`, [makeTar(skeleton), makeTar(files)]);
  });
  const algorithm = random.pick(['sha256', 'sha512']);
  const init = [
    '--erofs-version',
    random.pick(['1', '2']),
    'init',
    '--insecure',
    '--algorithm',
    `fsverity-${algorithm}-12`,
  ];
  const choices: readonly (() => string[])[] = [
    () => ['oci', 'pull', `oci:${random.pick(layouts)}`, random.pick(tags), ...(random.oneIn(2) ? ['--bootable'] : [])],
    () => ['oci', 'pull', `oci:${random.pick(layouts)}`, random.pick(tags)],
    () => ['oci', 'untag', random.pick(tags)],
    () => ['create-image', '--no-propagate-usr-to-root', `${place}-tree`, random.pick(['one', 'two/three'])],
    () => ['gc'],
  ];
  const steps = Array.from({ length: 3 + random.below(8) }, () => random.pick(choices)());
  return [init, ...steps, ['gc']].map((args) => ({ args, byOurs: random.oneIn(2) }));
}

async function follow(place: string, steps: readonly Step[]): Promise<string | undefined> {
  const [shared, alone] = [`${place}-shared`, `${place}-alone`];
  for (const [i, { args, byOurs }] of steps.entries()) {
    const where = (path: string) => (args.includes('init') ? [...args, path] : ['--repo', path, ...args]);
    const check = ['--repo', shared, 'oci', 'fsck'];
    const single = await cfs(where(alone));
    const ours = byOurs ? await cfs(where(shared)) : undefined;
    const theirs = await runCfsctl(`${place}-batch`, byOurs ? [check] : [where(shared), check]);
    const status = ours?.status ?? theirs[0]?.status;
    const shown = `step ${i} (${args.join(' ')}, by ${byOurs ? 'ours' : 'theirs'})`;
    if (status !== single.status) return `${shown} ends with ${status}, alone with ${single.status}: ${single.stderr}`;
    const found = theirs.at(-1);
    if (found?.status !== 0) return `${shown}: theirs finds ${found?.stdout}`;
    const checked = await cfs(check);
    if (checked.status !== 0) return `${shown}: ours finds ${checked.stdout}`;
  }
  const [mixed, pure] = [describeRepository(shared), describeRepository(alone)];
  const odd = [...mixed.filter((line) => !pure.includes(line)), ...pure.filter((line) => !mixed.includes(line))];
  return odd.length === 0 ? undefined : `in the end: ${odd.join('; ')}`;
}
