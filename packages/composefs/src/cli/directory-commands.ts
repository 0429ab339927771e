import type { Argv } from 'yargs';
import type { CliContext } from './context.ts';
import { directoryOptions, type ParsedGlobals } from './verb-options.ts';

// What a verb does is loaded with it: all of them together take longer than most of them run.
const treeVerbs = () => import('./tree-verbs.ts');

/** Adds the verbs that read a directory. */
export function addDirectoryVerbs<Args extends ParsedGlobals>(
  parser: Argv<Args>,
  context: (globals: ParsedGlobals) => CliContext,
): Argv<Args> {
  return parser
    .command(
      'create-image <path> [name]',
      'Store the files of a directory and the image of it',
      (y) => directoryOptions(y).positional('name', { type: 'string', describe: 'Name for the image, below refs/' }),
      async (args) => (await treeVerbs()).runCreateImage(context(args), args),
    )
    .command(
      'compute-id <path>',
      'Compute the image digest of a directory',
      (y) => directoryOptions(y),
      async (args) => (await treeVerbs()).runComputeId(context(args), args),
    )
    .command(
      'compute-karg <path>',
      'Compute the kernel argument that boots the image of a directory',
      (y) =>
        directoryOptions(y)
          .option('insecure', { type: 'boolean', default: false, describe: 'Let the image boot without fs-verity' })
          .hide('bootable'),
      async (args) => (await treeVerbs()).runComputeKarg(context(args), args),
    )
    .command(
      'create-dumpfile <path>',
      'Print a directory as a dumpfile',
      (y) => directoryOptions(y),
      async (args) => (await treeVerbs()).runCreateDumpfile(context(args), args),
    );
}
