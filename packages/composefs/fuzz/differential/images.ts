import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describeRepository } from '../../src/oci/describe-repository.testing.ts';
import { makeLayout } from '../../src/oci/make-layout.testing.ts';
import { makeTar } from '../../src/tar/make-tar.testing.ts';
import { createRandom } from '../random.ts';
import { cfs } from './cfs.ts';
import { runCfsctl } from './cfsctl-batch.ts';
import type { Comparison, Difference } from './comparison.ts';
import { makeLayers } from './random-layers.ts';

/**
 * OCI images of several layers, imported into a repository by each: the same ids, streams, objects and links, or both
 * refuse them. The tree that ours prints of its repository is the one that the real tool prints of it.
 */
export const images: Comparison = {
  runs: 200,
  async compare({ seed, from, to, folder }) {
    const differences: Difference[] = [];
    for (let index = from; index < to; index++) {
      const place = join(folder, `image-${index}`);
      const random = createRandom(seed, index);
      const layers = makeLayers(random);
      const layout = makeLayout(`${place}-layout`, layers.map(makeTar));
      const [ours, theirs] = [`${place}-ours`, `${place}-theirs`];
      const init = ['--erofs-version', random.pick(['1', '2']), 'init', '--insecure', '--algorithm'];
      init.push(`fsverity-${random.pick(['sha256', 'sha512'])}-12`);
      const pull = (path: string) => ['--repo', path, 'oci', 'pull', `oci:${layout}`, 'x/y', '--bootable'];
      const dump = ['--repo', ours, 'oci', 'dump', 'x/y'];
      await cfs([...init, ours]);
      const made = await cfs(pull(ours));
      const printed = await cfs(dump);
      const collect = ['--repo', theirs, 'gc'];
      const commands = [[...init, theirs], pull(theirs), collect, dump, ['--repo', ours, 'oci', 'fsck']];
      const [, pulled, , dumped, checked] = await runCfsctl(`${place}-batch`, commands);
      const report = (problem: string) =>
        differences.push({ index, problem, input: Buffer.from(JSON.stringify(layers, null, 1)) });
      if (made.status !== pulled?.status) report(`ours ${made.status}: ${made.stderr}, theirs ${pulled?.status}`);
      else if (made.status === 0) {
        const [mine, real] = [describeRepository(ours), describeRepository(theirs)];
        const odd = [...mine.filter((line) => !real.includes(line)), ...real.filter((line) => !mine.includes(line))];
        if (odd.length > 0) report(`the repositories differ: ${odd.join('; ')}`);
        if (printed.stdout !== dumped?.stdout) report('the trees that are printed differ');
        if (checked?.status !== 0) report(`cfsctl finds fault with ours: ${checked?.stdout}`);
      }
      for (const path of [ours, theirs, layout]) rmSync(path, { recursive: true, force: true });
    }
    return differences;
  },
};
