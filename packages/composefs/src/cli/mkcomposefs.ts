import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { CodedError } from '@workbench/run';
import type { Argv } from 'yargs';
import { parseDumpfile } from '../dumpfile/parse-dumpfile.ts';
import { replaceFile } from '../durable/replace.ts';
import { writeImage } from '../erofs/write-image.ts';
import { computeVerity } from '../fsverity/digest.ts';
import { storeInDirectory } from '../repository/digest-store.ts';
import { createFileDigester } from '../threads/digest-files.ts';
import { scanDirectory } from '../tree/scan-directory.ts';
import { type Simplification, simplifyTree } from '../tree/simplify-tree.ts';
import type { Directory } from '../tree/tree.ts';
import type { CliContext } from './context.ts';

// The only hash that mkcomposefs(1) knows.
const algorithm = 'sha256';

interface Arguments extends Simplification {
  source: string;
  image: string | undefined;
  'from-file': boolean;
  'print-digest': boolean;
  'print-digest-only': boolean;
  'min-version': number;
  'max-version': number;
  'digest-store': string | undefined;
  hardlinks: boolean;
}

/** The command line of mkcomposefs(1): an image from a directory or a dumpfile, without a repository. */
export function runMkcomposefs(parser: Argv, context: CliContext): Argv {
  const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;
  return parser.scriptName('mkcomposefs').command(
    '$0 <source> [image]',
    'Make an image of a directory or a dumpfile',
    (y) =>
      y
        .positional('source', { type: 'string', demandOption: true, describe: 'Directory, or dumpfile' })
        .positional('image', { type: 'string', describe: 'Where the image goes; - is standard output' })
        .option('from-file', flag('SOURCE is a dumpfile, composefs-dump(5); - is standard input'))
        .option('print-digest', flag('Print the fs-verity digest of the image'))
        .option('print-digest-only', flag('Print the digest, write no image'))
        .option('use-epoch', flag('Set all times to 1970'))
        .option('skip-devices', flag('Leave devices out'))
        .option('skip-xattrs', flag('Leave extended attributes out'))
        .option('user-xattrs', flag('Keep only extended attributes that begin with user.'))
        .option('min-version', { type: 'number', default: 0, describe: 'Format of the image, 0 or 1' })
        .option('max-version', { type: 'number', default: 1, describe: 'Must not be less than --min-version' })
        .option('digest-store', { type: 'string', describe: 'Copy the content of files into this directory' })
        .option('hardlinks', flag('Keep hard links; otherwise every name is a file of its own'))
        .option('threads', { type: 'number', describe: 'Accepted, and without effect' }),
    (args) => makeComposefs(context, withDashes(args as unknown as Arguments)),
  );
}

// The parser makes a lone dash an empty string.
function withDashes(args: Arguments): Arguments {
  const dash = (value: string) => (value === '' ? '-' : value);
  return { ...args, source: dash(args.source), image: args.image === undefined ? undefined : dash(args.image) };
}

async function makeComposefs(context: CliContext, args: Arguments): Promise<void> {
  const { image } = args;
  const format = chooseFormat(args);
  if (args['print-digest-only'] && image !== undefined) throw wrong('no image is written with --print-digest-only');
  if (!args['print-digest-only'] && image === undefined) throw wrong('the image is not named');
  const root = args['from-file'] ? await readDumpfile(context, args) : await readDirectory(args);
  simplifyTree(root, args);
  const content = writeImage(root, { format, algorithm });
  if (image === '-') await context.write(content);
  else if (image !== undefined) await writeOutput(image, content);
  if (args['print-digest'] || args['print-digest-only']) context.print(computeVerity(content, algorithm));
}

function chooseFormat(args: Arguments): 0 | 1 {
  const least = args['min-version'];
  if (least > args['max-version']) {
    throw wrong(`--min-version (${least}) is more than --max-version (${args['max-version']})`);
  }
  if (least === 0 || least === 1) return least;
  throw wrong(`the format ${least} is not known`);
}

async function readDumpfile(context: CliContext, args: Arguments): Promise<Directory> {
  if (args['digest-store'] !== undefined) context.warn('--digest-store does nothing for a dumpfile');
  if (args.source !== '-') return parseDumpfile(readFileSync(args.source), { algorithm });
  const pieces: Buffer[] = [];
  for await (const piece of context.input) pieces.push(piece);
  return parseDumpfile(Buffer.concat(pieces), { algorithm });
}

async function readDirectory(args: Arguments): Promise<Directory> {
  if (statSync(args.source, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw new CodedError('NOT_A_DIRECTORY', `${args.source} is no directory`, {
      hint: 'name a directory; for a dumpfile, give --from-file',
    });
  }
  const store = args['digest-store'];
  await using digester = createFileDigester(algorithm);
  return await scanDirectory(args.source, {
    keepHardLinks: args.hardlinks,
    digestFile: store === undefined ? digester.digestFile : (path) => storeInDirectory(store, path, algorithm),
  });
}

// A device or a pipe is written to; a file is replaced as a whole.
async function writeOutput(path: string, content: Uint8Array): Promise<void> {
  const existing = statSync(path, { throwIfNoEntry: false });
  if (existing === undefined || existing.isFile()) await replaceFile(dirname(path), basename(path), content);
  else writeFileSync(path, content);
}

function wrong(problem: string): CodedError {
  return new CodedError('USAGE', problem, { hint: 'see: mkcomposefs --help' });
}
