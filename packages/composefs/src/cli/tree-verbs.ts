import { CodedError } from '@workbench/run';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { formatAlgorithm, type HashAlgorithm } from '../fsverity/algorithm.ts';
import { commitLinks, type NewLink } from '../repository/commit.ts';
import { computeImageId, findImage, readImageTree, storeImage } from '../repository/images.ts';
import type { Repository } from '../repository/repository.ts';
import { createFileDigester, createFileStorer } from '../threads/digest-files.ts';
import { byteString } from '../tree/byte-string.ts';
import { findNode } from '../tree/find-node.ts';
import type { AttributePolicy } from '../tree/image-transform.ts';
import { type RootOptions, readRoot } from '../tree/read-root.ts';
import type { Directory, Node } from '../tree/tree.ts';
import { type CliContext, chosenAlgorithm, chosenFormat, openNamedRepository } from './context.ts';

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
  context.print(computeImageId(await digestDirectory(args, chosen.algorithm), chosen));
}

/** `cfs compute-karg PATH`: the kernel argument that makes the initramfs mount the image. */
export async function runComputeKarg(
  context: CliContext,
  args: DirectoryArguments & { insecure: boolean },
): Promise<void> {
  const chosen = await chosenAlgorithm(context);
  const root = await digestDirectory({ ...args, bootable: true }, chosen.algorithm);
  const digest = computeImageId(root, chosen);
  const optional = args.insecure ? '?' : '';
  // Format 0 differs from 1 in nothing that the initramfs could see.
  const named = `composefs.digest=${optional}v1-${formatAlgorithm(chosen.algorithm)}:${digest}`;
  context.print(chosen.format === 2 ? `composefs=${optional}${digest}` : named);
}

/** `cfs create-image PATH [NAME]`. */
export async function runCreateImage(
  context: CliContext,
  args: DirectoryArguments & { name?: string | undefined },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const root = await storeDirectory(args, repository);
  const digest = await storeImage(repository, root, chosenFormat(context, repository));
  const links: NewLink[] = [{ folder: 'images', name: digest, digest }];
  if (args.name !== undefined) links.push({ folder: 'images', reference: args.name, entry: digest });
  await commitLinks(repository, links);
  context.print(`${repository.algorithm}:${digest}`);
}

/** `cfs create-dumpfile PATH`. */
export async function runCreateDumpfile(context: CliContext, args: DirectoryArguments): Promise<void> {
  const { algorithm } = await chosenAlgorithm(context);
  context.print(writeDumpfile(await digestDirectory(args, algorithm)).trimEnd());
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

async function digestDirectory(args: DirectoryArguments, algorithm: HashAlgorithm): Promise<Directory> {
  await using digester = createFileDigester(algorithm);
  return await readDirectory(args, digester.digestFile);
}

async function storeDirectory(args: DirectoryArguments, repository: Repository): Promise<Directory> {
  await using storer = createFileStorer(repository);
  return await readDirectory(args, storer.digestFile);
}

function readDirectory(args: DirectoryArguments, digestFile: RootOptions['digestFile']): Promise<Directory> {
  const attributes = args['no-propagate-usr-to-root'] ? undefined : args.xattrs;
  return readRoot(args.path, { digestFile, attributes, isBootable: args.bootable });
}

// As cfsctl has it, whatever has no content beside the image is inline in it.
function backingPath(path: string, node: Node): string {
  if (node.type === 'directory') {
    throw new CodedError('NOT_A_FILE', `${path} is a directory`, { hint: 'name the files in it' });
  }
  if (node.type !== 'file' || !('digest' in node.content)) return 'inline';
  return `${node.content.digest.slice(0, 2)}/${node.content.digest.slice(2)}`;
}
