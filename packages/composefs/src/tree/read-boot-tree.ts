import { readFile } from 'node:fs/promises';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { computeFileVerity } from '../fsverity/digest.ts';
import { transformForBoot } from './boot-transform.ts';
import { transformImageTree } from './image-transform.ts';
import { scanDirectory } from './scan-directory.ts';
import type { Directory } from './tree.ts';

/**
 * The tree that an image boots with, read from its unpacked root: what an import of the image makes of its layers. Files are
 * hashed where they are; nothing is stored, and the file system needs neither fs-verity nor unnamed files.
 *
 * @throws a system error; CodedError as {@link transformImageTree} and {@link transformForBoot}.
 */
export async function readBootTree(rootPath: string, algorithm: HashAlgorithm): Promise<Directory> {
  const paths = new Map<string, Buffer>();
  const root = await scanDirectory(rootPath, {
    async digestFile(path) {
      const digest = computeFileVerity(path, algorithm);
      paths.set(digest, path);
      return digest;
    },
  });
  transformImageTree(root);
  await transformForBoot(root, async ({ content }) => {
    if (content.kind === 'inline') return content.data;
    const path = content.kind === 'sparse' ? undefined : paths.get(content.digest);
    if (path === undefined) throw new Error('a file of the tree was not read');
    return readFile(path);
  });
  return root;
}
