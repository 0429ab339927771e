import fc from 'fast-check';
import { writeDumpfile } from '../../src/dumpfile/write-dumpfile.ts';
import { arbitraryTree } from '../../src/erofs/arbitrary-tree.testing.ts';
import { erofsFormats } from '../../src/erofs/format.ts';
import { listImageObjects } from '../../src/erofs/list-objects.ts';
import { readImage } from '../../src/erofs/read-image.ts';
import { writeImage } from '../../src/erofs/write-image.ts';
import { forEachNode } from '../../src/tree/walk.ts';
import type { FuzzTarget } from './target.ts';

const algorithm = 'sha256';

/** EROFS images. What is accepted can be printed, and its objects are all listed. */
export const erofs: FuzzTarget = {
  async makeCorpus() {
    const trees = fc.sample(arbitraryTree(algorithm, 12), { seed: 1, numRuns: 40 });
    return trees
      .flatMap((tree) => erofsFormats.map((format) => writeImage(tree, { format, algorithm })))
      .filter((image) => image.length <= 64 * 1024);
  },
  parse(input) {
    const root = readImage(input, { algorithm });
    const objects = listImageObjects(input, { algorithm });
    forEachNode(root, (node) => {
      if (node.type !== 'file' || !('digest' in node.content) || objects.has(node.content.digest)) return;
      throw new Error(`object ${node.content.digest} of the tree is not listed`);
    });
    if (writeDumpfile(root) === '') throw new Error('nothing is printed of an accepted image');
  },
  refusals: ['EROFS_INVALID'],
};
