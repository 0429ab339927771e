import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import fc from 'fast-check';
import { parseDumpfile } from '../../src/dumpfile/parse-dumpfile.ts';
import { writeDumpfile } from '../../src/dumpfile/write-dumpfile.ts';
import { arbitraryTree } from '../../src/erofs/arbitrary-tree.testing.ts';
import { writeImage } from '../../src/erofs/write-image.ts';
import { computeVerity } from '../../src/fsverity/digest.ts';
import { makeInput } from '../run-case.ts';
import { dumpfile } from '../targets/dumpfile.ts';
import { runCfsctl } from './cfsctl-batch.ts';
import type { Comparison, Difference } from './comparison.ts';

const algorithm = 'sha256';
const formats = [0, 1] as const;
const batch = 200;

/**
 * Dumpfiles: written of random trees, and valid ones with something changed. Both make the same image of it, byte for
 * byte (the digest is that of all bytes), or both refuse it.
 */
export const dumpfiles: Comparison = {
  runs: 10_000,
  async compare({ seed, from, to, folder }) {
    const differences: Difference[] = [];
    const corpus = await dumpfile.makeCorpus();
    for (let first = from; first < to; first += batch) {
      const inputs: Buffer[] = [];
      for (let index = first; index < Math.min(first + batch, to); index++) {
        inputs.push(index % 2 === 0 ? ofTree(seed, index) : await makeInput(dumpfile, corpus, { seed, index }));
      }
      for (const [i, input] of inputs.entries()) writeFileSync(join(folder, `dump-${i}`), input);
      const commands = inputs.flatMap((_, i) => formats.map((format) => command(join(folder, `dump-${i}`), format)));
      const outcomes = await runCfsctl(join(folder, 'batch'), commands);
      for (const [i, input] of inputs.entries()) {
        for (const format of formats) {
          const { status, stdout } = outcomes[i * formats.length + format] as { status: number; stdout: string };
          const theirs = status === 0 ? stdout.trim() : status === 1 ? 'refused' : `crashed (${status})`;
          const ours = imageOf(input, format);
          if (ours === theirs || (ours === 'refused' && status > 100)) continue;
          differences.push({ index: first + i, problem: `format ${format}: ours ${ours}, theirs ${theirs}`, input });
        }
      }
    }
    return differences;
  },
};

function command(path: string, format: number): string[] {
  return ['mkcomposefs', '--from-file', '--print-digest-only', '--min-version', String(format), path];
}

function ofTree(seed: number, index: number): Buffer {
  const [tree] = fc.sample(arbitraryTree(algorithm, 40), { seed: seed + index, numRuns: 1 });
  return Buffer.from(writeDumpfile(tree as Parameters<typeof writeDumpfile>[0]));
}

function imageOf(input: Buffer, format: 0 | 1): string {
  try {
    return computeVerity(writeImage(parseDumpfile(input, { algorithm }), { format, algorithm }), algorithm);
  } catch (error) {
    if (error instanceof CodedError && dumpfile.refusals.includes(error.code)) return 'refused';
    throw error;
  }
}
