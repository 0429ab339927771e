import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Argv } from 'yargs';
import { escapeLine } from '../dumpfile/escape.ts';
import { writeDumpfile } from '../dumpfile/write-dumpfile.ts';
import { listImageObjects } from '../erofs/list-objects.ts';
import { readImage } from '../erofs/read-image.ts';
import { computeFileVerity } from '../fsverity/digest.ts';
import { byteString } from '../tree/byte-string.ts';
import type { Directory, Node } from '../tree/tree.ts';
import { walkTree } from '../tree/walk.ts';
import type { CliContext } from './context.ts';

// The only hash that composefs-info(1) knows.
const algorithm = 'sha256';

/** The command line of composefs-info(1): what is in image files, without a repository. */
export function runComposefsInfo(parser: Argv, context: CliContext): Argv {
  const images = (y: Argv) => y.positional('images', { type: 'string', array: true, default: [] as string[] });
  const filtered = (y: Argv) =>
    images(y).option('filter', {
      type: 'string',
      array: true,
      default: [] as string[],
      requiresArg: true,
      nargs: 1,
      describe: 'Show only this entry of the root; may be given several times',
    });
  return parser
    .scriptName('composefs-info')
    .command('ls [images..]', 'List files and directories', filtered, ({ images, filter }) => {
      for (const image of images) printList(context, readTree(image, filter));
    })
    .command('dump [images..]', 'Print images as dumpfiles, composefs-dump(5)', filtered, ({ images, filter }) => {
      for (const image of images) context.print(writeDumpfile(readTree(image, filter)).trimEnd());
    })
    .command('objects [images..]', 'List the paths of objects', images, ({ images }) => {
      for (const path of images.flatMap(objectPaths)) context.print(path);
    })
    .command(
      'missing-objects [images..]',
      'List the paths of objects that are not in a directory',
      (y) => images(y).option('basedir', { type: 'string', demandOption: true, describe: 'Directory of objects' }),
      ({ images, basedir }) => {
        for (const path of images.flatMap(objectPaths)) {
          if (statSync(join(basedir, path), { throwIfNoEntry: false }) === undefined) context.print(path);
        }
      },
    )
    .command(
      'measure-file [files..]',
      'Print the fs-verity digests of files',
      (y) => y.positional('files', { type: 'string', array: true, default: [] as string[] }),
      ({ files }) => {
        for (const file of files) context.print(computeFileVerity(Buffer.from(file), algorithm));
      },
    )
    .demandCommand(1, 'name a verb');
}

function readTree(path: string, filter: readonly string[]): Directory {
  const root = readImage(readFileSync(path), { algorithm });
  if (filter.length === 0) return root;
  const wanted = new Set(filter.map(byteString));
  for (const name of root.entries.keys()) if (!wanted.has(name)) root.entries.delete(name);
  return root;
}

function objectPaths(image: string): string[] {
  return [...listImageObjects(readFileSync(image), { algorithm })].sort().map(pathOf);
}

function pathOf(digest: string): string {
  return `${digest.slice(0, 2)}/${digest.slice(2)}`;
}

function printList(context: CliContext, root: Directory): void {
  walkTree(root, (path, node) => {
    if (path !== '/') context.print(`${escapeLine(path)}${describe(node)}`);
  });
}

function describe(node: Node): string {
  if (node.type === 'directory') return '/\t';
  if (node.type === 'symlink') return `\t-> ${escapeLine(node.target)}`;
  return node.type === 'file' && node.content.kind === 'external' ? `\t@ ${pathOf(node.content.digest)}` : '';
}
