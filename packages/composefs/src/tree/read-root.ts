import { readFile } from 'node:fs/promises';
import { transformForBoot } from './boot-transform.ts';
import { type AttributePolicy, transformImageTree } from './image-transform.ts';
import { type ScanOptions, scanDirectory } from './scan-directory.ts';
import type { Directory, FileContent } from './tree.ts';

/** How the root of a system on disk is made a tree. */
export interface RootOptions extends Pick<ScanOptions, 'digestFile'> {
  /** The attributes that stay where the tree is made one of a container image; undefined if it is taken as it is. */
  attributes: AttributePolicy | undefined;
  /** Whether it is made what it is when booted. */
  isBootable: boolean;
}

/**
 * The tree of an unpacked root, as an import of the image makes it of its layers.
 *
 * @throws a system error; whatever `digestFile` throws; CodedError as {@link transformImageTree} and {@link
 * transformForBoot}.
 */
export async function readRoot(rootPath: string, options: RootOptions): Promise<Directory> {
  const paths = new Map<string, Buffer>();
  const root = await scanDirectory(rootPath, {
    async digestFile(path, sizeBytes) {
      const digest = await options.digestFile(path, sizeBytes);
      paths.set(digest, path);
      return digest;
    },
  });
  if (options.attributes !== undefined) transformImageTree(root, options.attributes);
  if (options.isBootable) await transformForBoot(root, ({ content }) => readContent(content, paths));
  return root;
}

async function readContent(content: FileContent, paths: ReadonlyMap<string, Buffer>): Promise<Uint8Array> {
  if (content.kind === 'inline') return content.data;
  const path = content.kind === 'sparse' ? undefined : paths.get(content.digest);
  if (path === undefined) throw new Error('a file of the tree was not read');
  return readFile(path);
}
