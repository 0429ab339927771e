import { readFile } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { computeFileVerity } from '../fsverity/digest.ts';
import { computeImageId, findImage, readImageTree } from '../repository/images.ts';
import { transformForBoot } from '../tree/boot-transform.ts';
import { byteString } from '../tree/byte-string.ts';
import { findNode } from '../tree/find-node.ts';
import { type AttributePolicy, transformImageTree } from '../tree/image-transform.ts';
import { scanDirectory } from '../tree/scan-directory.ts';
import type { Directory, Node } from '../tree/tree.ts';
import { type CliContext, chosenAlgorithm, openNamedRepository } from './context.ts';

/** How a directory is made a tree. */
export interface DirectoryArguments {
  path: string;
  bootable: boolean;
  'no-propagate-usr-to-root': boolean;
  xattrs: AttributePolicy;
}

/** `cfs compute-id PATH`. */
export async function runComputeId(context: CliContext, args: DirectoryArguments): Promise<void> {
  const chosen = await chosenAlgorithm(context);
  context.print(computeImageId(await readDirectory(args, chosen.algorithm), chosen));
}

/** `cfs create-dumpfile PATH`. */
export async function runCreateDumpfile(context: CliContext, args: DirectoryArguments): Promise<void> {
  const { algorithm } = await chosenAlgorithm(context);
  context.print(writeDumpfile(await readDirectory(args, algorithm)).trimEnd());
}

/** `cfs dump-files IMAGE PATH…`. */
export async function runDumpFiles(
  context: CliContext,
  args: { image: string; files: string[]; 'backing-path-only': boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const root = readImageTree(repository, findImage(repository, args.image));
  for (const path of args.files) {
    const node = findNode(root, path);
    if (node === undefined) {
      throw new CodedError('PATH_NOT_FOUND', `${path} is not in the image`, {
        hint: 'give paths from the root of the image',
      });
    }
    if (args['backing-path-only']) context.print(`${path} ${backingPath(path, node)}`);
    else context.print(writeDumpfile(root, { path: byteString(path), node }).trimEnd());
  }
}

async function readDirectory(args: DirectoryArguments, algorithm: HashAlgorithm): Promise<Directory> {
  const paths = new Map<string, Buffer>();
  const root = await scanDirectory(args.path, {
    async digestFile(path) {
      const digest = computeFileVerity(path, algorithm);
      paths.set(digest, path);
      return digest;
    },
  });
  if (!args['no-propagate-usr-to-root']) transformImageTree(root, args.xattrs);
  if (args.bootable) {
    await transformForBoot(root, async ({ content }) => {
      if (content.kind === 'inline') return content.data;
      return readFile(content.kind === 'sparse' ? '/dev/null' : (paths.get(content.digest) as Buffer));
    });
  }
  return root;
}

function backingPath(path: string, node: Node): string {
  if (node.type === 'file') {
    const { content } = node;
    if ('digest' in content) return `${content.digest.slice(0, 2)}/${content.digest.slice(2)}`;
    return 'inline';
  }
  throw new CodedError('NOT_A_FILE', `${path} is a ${node.type}`, { hint: 'only regular files have content' });
}
