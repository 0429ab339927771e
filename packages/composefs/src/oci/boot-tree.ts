import type { Repository } from '../repository/repository.ts';
import { transformForBoot } from '../tree/boot-transform.ts';
import { type AttributePolicy, transformImageTree } from '../tree/image-transform.ts';
import type { Directory } from '../tree/tree.ts';
import { buildImageTree, readFileNode } from './image-tree.ts';

/**
 * The tree that a stored image boots with: its layers, with both transformations applied.
 *
 * @throws CodedError as {@link buildImageTree}, {@link transformImageTree} and {@link transformForBoot}.
 */
export async function buildBootTree(
  repository: Repository,
  manifestDigest: string,
  attributes?: AttributePolicy,
): Promise<Directory> {
  const root = await buildImageTree(repository, manifestDigest);
  transformImageTree(root, attributes);
  await transformForBoot(root, (leaf) => readFileNode(repository, leaf));
  return root;
}
