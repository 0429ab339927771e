import type { Argv } from 'yargs';
import type { CliContext } from './context.ts';
import { mountOptions, type ParsedGlobals, treeOptions } from './verb-options.ts';

// What a verb does is loaded with it: all of them together take longer than most of them run.
const copyVerb = () => import('./copy-verb.ts');
const imageVerbs = () => import('./image-verbs.ts');
const mountVerbs = () => import('./mount-verbs.ts');
const streamVerbs = () => import('./stream-verbs.ts');

/** Adds the verbs below `cfs oci`. */
export function addImageVerbs<Args extends ParsedGlobals>(
  parser: Argv<Args>,
  context: (globals: ParsedGlobals) => CliContext,
): Argv<Args> {
  return parser
    .command(
      'pull <image> [name]',
      'Import an image: docker://NAME, containers-storage:NAME, oci:DIR[:TAG], oci-archive:FILE, …',
      (y) =>
        y
          .positional('image', { type: 'string', demandOption: true })
          .positional('name', { type: 'string', describe: 'The tag; by default the source' })
          .option('bootable', { type: 'boolean', default: false, describe: 'Make the image to boot as well' })
          .option('expected-digest', {
            type: 'string',
            describe:
              'With --bootable: make that image to boot which has this digest, whatever its format and attributes',
          })
          .option('local-fetch', {
            choices: ['auto', 'zerocopy', 'disabled'] as const,
            default: 'auto' as const,
            describe:
              'Container storage is always read where it lies; zerocopy is an error if content has to be copied',
          }),
      async (args) => (await imageVerbs()).runPull(context(args), args),
    )
    .command(
      'images',
      'List the tagged images',
      (y) => y.option('json', { type: 'boolean', default: false }),
      async (args) => (await imageVerbs()).runListImages(context(args), args),
    )
    .command(
      'inspect <image>',
      'Show an image, by its tag or @sha256:DIGEST',
      (y) =>
        y
          .positional('image', { type: 'string', demandOption: true })
          .option('manifest', { type: 'boolean', default: false, describe: 'Only the manifest, as it is' })
          .option('config', { type: 'boolean', default: false, describe: 'Only the configuration, as it is' }),
      async (args) => (await imageVerbs()).runInspect(context(args), args),
    )
    .command(
      'tag <digest> <name>',
      'Give an image a further tag',
      (y) =>
        y
          .positional('digest', { type: 'string', demandOption: true, describe: 'sha256:… of the manifest' })
          .positional('name', { type: 'string', demandOption: true }),
      async (args) => (await imageVerbs()).runTag(context(args), args),
    )
    .command(
      'untag <name>',
      'Take a tag away',
      (y) => y.positional('name', { type: 'string', demandOption: true }),
      async (args) => (await imageVerbs()).runUntag(context(args), args),
    )
    .command(
      'copy <image>',
      'Copy an image from another repository',
      (y) =>
        y
          .positional('image', { type: 'string', demandOption: true, describe: 'Tag or @sha256:DIGEST there' })
          .option('from', { type: 'string', demandOption: true, describe: 'The other repository' })
          .option('name', { type: 'string', describe: 'The tag here; without one the image is garbage' })
          .option('zerocopy', { type: 'boolean', default: false, describe: 'Fail rather than copy content' }),
      async (args) => (await copyVerb()).runCopy(context(args), args),
    )
    .command(
      'import-layer <digest> [name]',
      'Store the uncompressed archive of a layer from standard input',
      (y) =>
        y
          .positional('digest', { type: 'string', demandOption: true, describe: 'sha256:… of the archive' })
          .positional('name', { type: 'string', describe: 'A reference that keeps it' }),
      async (args) => (await streamVerbs()).runImportLayer(context(args), args),
    )
    .command(
      'layer <layer>',
      'Write the archive of a layer to standard output, or describe it',
      (y) =>
        y
          .positional('layer', { type: 'string', demandOption: true, describe: 'Diff id, sha256:…' })
          .option('dumpfile', { type: 'boolean', default: false, describe: 'Its entries as a dumpfile' })
          .option('json', { type: 'boolean', default: false, describe: 'Figures in JSON' }),
      async (args) => (await streamVerbs()).runLayer(context(args), args),
    )
    .command(
      'mount <image> <mountpoint>',
      'Mount an image',
      (y) =>
        mountOptions(y)
          .positional('image', { type: 'string', demandOption: true, describe: 'Tag or sha256:DIGEST' })
          .option('bootable', { type: 'boolean', default: false, describe: 'As it is when booted' }),
      async (args) => (await mountVerbs()).runMountImage(context(args), args),
    )
    .command(
      'linked-erofs-images <verity>',
      'List all images that were made of the same image as this one',
      (y) => y.positional('verity', { type: 'string', demandOption: true, describe: 'Digest of an EROFS image' }),
      async (args) => (await imageVerbs()).runLinkedImages(context(args), args),
    )
    .command(
      'dump <image> [verity]',
      'Print the tree of an image as a dumpfile',
      (y) => imageTreeOptions(y),
      async (args) => (await imageVerbs()).runDump(context(args), args),
    )
    .command(
      'compute-id <image> [verity]',
      'Compute the image digest of an image',
      (y) => imageTreeOptions(y),
      async (args) => (await imageVerbs()).runComputeImageId(context(args), args),
    )
    .command(
      'fsck [image]',
      'Check the repository and the tagged images',
      (y) =>
        y
          .positional('image', { type: 'string', describe: 'Only this tag' })
          .option('json', { type: 'boolean', default: false, describe: 'Print JSON, and succeed whatever is found' }),
      async (args) => (await imageVerbs()).runImageFsck(context(args), args),
    );
}

function imageTreeOptions<Args>(parser: Argv<Args>) {
  return treeOptions(parser)
    .positional('image', { type: 'string', demandOption: true })
    .positional('verity', { type: 'string', describe: 'The digest that the stream of the manifest must have' });
}
