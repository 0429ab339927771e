import type { Argv } from 'yargs';
import { formatAlgorithm, hashAlgorithms } from '../fsverity/algorithm.ts';
import type { CliContext } from './context.ts';
import { mountOptions, type ParsedGlobals } from './verb-options.ts';

// What a verb does is loaded with it: all of them together take longer than most of them run.
const fsckVerb = () => import('./fsck-verb.ts');
const mountVerbs = () => import('./mount-verbs.ts');
const repositoryVerbs = () => import('./repository-verbs.ts');
const streamVerbs = () => import('./stream-verbs.ts');
const treeVerbs = () => import('./tree-verbs.ts');

/** Adds the verbs that are about a repository and what is in it. */
export function addRepositoryVerbs<Args extends ParsedGlobals>(
  parser: Argv<Args>,
  context: (globals: ParsedGlobals) => CliContext,
): Argv<Args> {
  return parser
    .command(
      'init [path]',
      'Make a directory a repository',
      (y) =>
        y
          .positional('path', { type: 'string', describe: 'The directory; without it, the one the options name' })
          .option('algorithm', {
            choices: hashAlgorithms.map((algorithm) => `fsverity-${formatAlgorithm(algorithm)}`),
            default: 'fsverity-sha512-12',
            describe: 'Hash and size of blocks of digests',
          })
          .option('insecure', { type: 'boolean', default: false, describe: 'Do without fs-verity' })
          .option('ensure', {
            type: 'boolean',
            default: false,
            describe: 'Accept a repository with this hash as it is',
          })
          .option('reset-metadata', {
            type: 'boolean',
            default: false,
            describe: 'Remove streams, images and metadata of an old repository, keep its objects',
          }),
      async (args) => (await repositoryVerbs()).runInit(context(args), args),
    )
    .command(
      'transaction',
      'Keep garbage from being collected until this is ended (Ctrl-C, SIGTERM)',
      (y) => y,
      async (args) => (await repositoryVerbs()).runTransaction(context(args)),
    )
    .command(
      'cat <name>',
      'Write what a stream was made from to standard output',
      (y) => y.positional('name', { type: 'string', demandOption: true, describe: 'Of a stream, or refs/…' }),
      async (args) => (await streamVerbs()).runCat(context(args), args),
    )
    .command(
      'gc',
      'Remove objects that nothing refers to',
      (y) =>
        y
          .option('root', {
            alias: 'r',
            type: 'string',
            array: true,
            default: [],
            requiresArg: true,
            describe: 'Keep this image or stream too',
          })
          .option('dry-run', {
            alias: 'n',
            type: 'boolean',
            default: false,
            describe: 'Only say what would be removed',
          })
          .option('verbose', {
            alias: 'v',
            type: 'boolean',
            default: false,
            describe: 'Name what is removed, and what is kept and why',
          })
          .option('json', { type: 'boolean', default: false, describe: 'Print all that as JSON' }),
      async (args) => (await repositoryVerbs()).runGc(context(args), args),
    )
    .command(
      'fsck',
      'Check objects, streams, images and links',
      (y) =>
        y
          .option('json', { type: 'boolean', default: false, describe: 'Print JSON, and succeed whatever is found' })
          .option('metadata-only', { type: 'boolean', default: false, describe: 'Leave out the digests of objects' })
          .option('verbose', {
            alias: 'v',
            type: 'boolean',
            default: false,
            describe: 'Say how the repository is configured',
          })
          .option('repair', {
            type: 'string',
            array: true,
            default: [],
            requiresArg: true,
            describe: 'Bring back what is damaged or missing from this source of an image, as oci pull takes it',
          }),
      async (args) => (await fsckVerb()).runFsck(context(args), args),
    )
    .command(
      'import-image <reference>',
      'Store an image from standard input as it is, and name it',
      (y) => y.positional('reference', { type: 'string', demandOption: true, describe: 'Its name below refs/' }),
      async (args) => (await repositoryVerbs()).runImportImage(context(args), args),
    )
    .command(
      ['images', 'list-images'],
      'List the named references to images',
      (y) =>
        y
          .option('json', { type: 'boolean', default: false })
          .option('no-trunc', { type: 'boolean', default: false, describe: 'Show digests in full' }),
      async (args) => (await repositoryVerbs()).runImages(context(args), args),
    )
    .command(
      'image-objects <name>',
      'List the objects an image refers to',
      (y) => y.positional('name', { type: 'string', demandOption: true }),
      async (args) => (await repositoryVerbs()).runImageObjects(context(args), args),
    )
    .command(
      'dump-files <image> [files..]',
      'Print files and directories of an image as a dumpfile',
      (y) =>
        y
          .positional('image', { type: 'string', demandOption: true })
          .positional('files', { type: 'string', array: true, default: [] })
          .option('backing-path-only', {
            type: 'boolean',
            default: false,
            describe: 'Print only where the content is',
          }),
      async (args) => (await treeVerbs()).runDumpFiles(context(args), args),
    )
    .command(
      'mount <name> <mountpoint>',
      'Mount an image',
      (y) => mountOptions(y.positional('name', { type: 'string', demandOption: true, describe: 'Digest or refs/…' })),
      async (args) => (await mountVerbs()).runMount(context(args), args),
    );
}
