import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { readRoot } from '../tree/read-root.ts';
import type { Directory } from '../tree/tree.ts';
import { createFileDigester } from './digest-files.ts';

/**
 * The tree that an image boots with, read from its unpacked root: what an import of the image makes of its layers. Files are
 * hashed where they are; nothing is stored, and the file system needs neither fs-verity nor unnamed files.
 *
 * @throws as `readRoot`.
 */
export async function readBootTree(rootPath: string, algorithm: HashAlgorithm): Promise<Directory> {
  await using digester = createFileDigester(algorithm);
  const options = { digestFile: digester.digestFile, attributes: 'allowlist-only', isBootable: true } as const;
  return await readRoot(rootPath, options);
}
