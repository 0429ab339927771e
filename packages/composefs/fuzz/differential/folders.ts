import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeDumpfile } from '../../src/dumpfile/write-dumpfile.ts';
import { writeImage } from '../../src/erofs/write-image.ts';
import { hashAlgorithms } from '../../src/fsverity/algorithm.ts';
import { computeFileVerity, computeVerity } from '../../src/fsverity/digest.ts';
import { scanDirectory } from '../../src/tree/scan-directory.ts';
import { createRandom } from '../random.ts';
import { runCfsctl } from './cfsctl-batch.ts';
import type { Comparison, Difference } from './comparison.ts';
import { makeFolder } from './make-folder.ts';

const formats = [1, 2] as const;
const batch = 25;
const kinds = hashAlgorithms.flatMap((algorithm) => formats.map((format) => ({ algorithm, format })));

/** Directories on disk: both compute the same image digest, in formats 1 and 2 and with both hashes. */
export const folders: Comparison = {
  runs: 1000,
  async compare({ seed, from, to, folder }) {
    const differences: Difference[] = [];
    for (let first = from; first < to; first += batch) {
      const made: { index: number; path: string }[] = [];
      for (let index = first; index < Math.min(first + batch, to); index++) {
        const path = join(folder, `tree-${index}`);
        await makeFolder(path, createRandom(seed, index));
        made.push({ index, path });
      }
      const commands = made.flatMap(({ path }) => kinds.map((kind) => computeId(path, kind)));
      const outcomes = await runCfsctl(join(folder, 'batch'), commands);
      for (const [i, { index, path }] of made.entries()) {
        for (const [k, { algorithm, format }] of kinds.entries()) {
          const root = await scanDirectory(path, { digestFile: async (file) => computeFileVerity(file, algorithm) });
          const ours = computeVerity(writeImage(root, { format, algorithm }), algorithm);
          const theirs = outcomes[i * kinds.length + k]?.stdout.trim();
          if (ours === theirs) continue;
          const problem = `${algorithm} format ${format}: ours ${ours}, theirs ${theirs}`;
          differences.push({ index, problem, input: Buffer.from(writeDumpfile(root)) });
        }
        rmSync(path, { recursive: true });
      }
    }
    return differences;
  },
};

function computeId(path: string, { algorithm, format }: (typeof kinds)[number]): string[] {
  const options = ['--no-repo', '--hash', algorithm, '--erofs-version', String(format)];
  return [...options, 'compute-id', '--no-propagate-usr-to-root', path];
}
