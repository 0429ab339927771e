import { CodedError, describeError } from '@workbench/run';
import yargs, { type Argv } from 'yargs';
import type { CliContext, GlobalOptions } from './context.ts';
import { addImageVerbs } from './image-commands.ts';
import { runFsck, runGc, runImageObjects, runImages, runInit } from './repository-verbs.ts';
import { runComputeId, runCreateDumpfile, runDumpFiles } from './tree-verbs.ts';
import { directoryOptions, globalOptions } from './verb-options.ts';

/** Where a command line of `cfs` runs. */
export interface CliOptions {
  /** Used when no option names a repository. */
  defaultRepository?: string;
  /** Takes what would go to standard output. */
  write?: (text: string) => void;
  /** Takes messages, which would go to standard error. */
  writeError?: (text: string) => void;
}

/**
 * The command line `cfs`: the verbs of cfsctl that are about repositories, images and OCI images, with the same options
 * and result lines.
 *
 * @param argv the arguments after the program's name.
 * @returns the exit status: 0, 1 if it failed or a check found damage, 2 if the command line is wrong.
 */
export async function cfsMain(argv: string[], options: CliOptions = {}): Promise<number> {
  const write = options.write ?? ((text) => void process.stdout.write(text));
  const writeError = options.writeError ?? ((text) => void process.stderr.write(text));
  let status = 0;
  const makeContext = (globals: GlobalOptions): CliContext => ({
    options: globals,
    defaultRepository: options.defaultRepository,
    print: (text) => write(`${text}\n`),
    warn: (text) => writeError(`${text}\n`),
    fail: () => {
      status = 1;
    },
  });
  try {
    const parser = makeParser(argv, makeContext);
    await parser.parseAsync(argv, {}, (_error, _args, output) => {
      if (output !== '') write(`${output}\n`);
    });
  } catch (error) {
    writeError(`${describeError(error)}\n`);
    return error instanceof CodedError ? error.exitCode : 1;
  }
  return status;
}

function makeParser(argv: string[], context: (globals: GlobalOptions) => CliContext): Argv {
  const parser = yargs(argv)
    .scriptName('cfs')
    .usage('$0 VERB\n\nImages of operating systems in a repository of objects named by their fs-verity digest.')
    // Options such as --no-repo are their own, not the opposite of others.
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
    .options(globalOptions)
    .command(
      'init [path]',
      'Make a directory a repository',
      (y) =>
        y
          .positional('path', { type: 'string', describe: 'The directory; without it, the one the options name' })
          .option('algorithm', {
            type: 'string',
            default: 'fsverity-sha512-12',
            describe: 'fsverity-sha256-12 or fsverity-sha512-12',
          })
          .option('insecure', { type: 'boolean', default: false, describe: 'Do without fs-verity' })
          .option('ensure', { type: 'boolean', default: false, describe: 'Accept a repository that is there as it is' })
          .option('reset-metadata', {
            type: 'boolean',
            default: false,
            describe: 'Remove streams, images and metadata of an old repository, keep its objects',
          }),
      (args) => runInit(context(args), args),
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
            describe: 'Keep this image or stream too',
          })
          .option('dry-run', {
            alias: 'n',
            type: 'boolean',
            default: false,
            describe: 'Only say what would be removed',
          }),
      (args) => runGc(context(args), args),
    )
    .command(
      'fsck',
      'Check objects, streams, images and links',
      (y) =>
        y
          .option('json', { type: 'boolean', default: false, describe: 'Print JSON, and succeed whatever is found' })
          .option('metadata-only', { type: 'boolean', default: false, describe: 'Leave out the digests of objects' }),
      (args) => runFsck(context(args), args),
    )
    .command(
      'images',
      'List the named references to images',
      (y) => y,
      (args) => runImages(context(args)),
    )
    .command(
      'image-objects <name>',
      'List the objects an image refers to',
      (y) => y.positional('name', { type: 'string', demandOption: true }),
      (args) => runImageObjects(context(args), args),
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
      (args) => runDumpFiles(context(args), args),
    )
    .command(
      'compute-id <path>',
      'Compute the image digest of a directory',
      (y) => directoryOptions(y),
      (args) => runComputeId(context(args), args),
    )
    .command(
      'create-dumpfile <path>',
      'Print a directory as a dumpfile',
      (y) => directoryOptions(y),
      (args) => runCreateDumpfile(context(args), args),
    )
    .command('oci', 'Images in the OCI format', (y) =>
      addImageVerbs(y, context).demandCommand(1, 'name a verb of oci'),
    );
  return parser
    .demandCommand(1, 'name a verb')
    .strict()
    .version(false)
    .help()
    .exitProcess(false)
    .fail((message, error) => {
      throw error ?? new CodedError('USAGE', message, { hint: 'see: cfs --help', exitCode: 2 });
    }) as Argv;
}
