import { defineCommand, defineGroup } from '../define-command.ts';
import { choice, value } from '../options.ts';
import { requireBootedHost } from '../require-booted-host.ts';

/** Verbs of `bootc image cmd`; their arguments are podman's and never reach this parser, see `runProgram`. */
const podmanVerbs = ['list', 'build', 'push', 'pull'];

/** `bootc image` */
export const imageCommand = defineGroup('image', false, [
  defineCommand({
    command: 'list',
    describe: 'List images',
    options: {
      type: choice(['all', 'logical', 'host'], 'Which images'),
      format: choice(['table', 'json'], 'Output format'),
    },
    handler: async (args) => {
      const { runListImages } = await import('../../unified/list-images.ts');
      await runListImages({ type: args.type ?? 'all', format: args.format ?? 'table' });
    },
  }),
  defineCommand({
    command: 'copy-to-storage',
    describe: 'Copy the image of a deployment to the default containers-storage',
    options: { source: value('Image; the booted one by default'), target: value('Name of the copy') },
    handler: async (args) => {
      await requireBootedHost();
      const { runCopyToStorage } = await import('../../unified/copy-to-storage.ts');
      await runCopyToStorage({ source: args.source, target: args.target });
    },
  }),
  defineCommand({
    command: 'set-unified',
    describe: 'Pull through containers-storage from now on',
    options: {},
    handler: async () => {
      await requireBootedHost();
      const { runSetUnified } = await import('../../unified/set-unified.ts');
      await runSetUnified();
    },
  }),
  defineCommand({
    command: 'pull-from-default-storage <image>',
    describe: 'Copy an image from the default containers-storage',
    options: { image: value('Image') },
    positionals: { image: { type: 'string', demandOption: true, describe: 'Image' } },
    handler: async (args) => {
      await requireBootedHost();
      const { runPullFromDefaultStorage } = await import('../../unified/set-unified.ts');
      await runPullFromDefaultStorage(args.image ?? '');
    },
  }),
  defineGroup('cmd', 'Run podman image on the storage of bootc', [
    ...podmanVerbs.map((verb) =>
      defineCommand({
        command: `${verb} [args..]`,
        describe: `podman image ${verb}`,
        options: {},
        positionals: { args: { type: 'string', array: true, describe: 'Arguments of podman' } },
        handler: async () => undefined,
      }),
    ),
  ]),
]);

/**
 * Runs `bootc image cmd VERB …` when that is what the arguments say: everything after the verb is podman's.
 *
 * @returns whether it was.
 */
export async function runPodmanVerb(args: readonly string[]): Promise<boolean> {
  const [group, subgroup, name, ...rest] = args;
  if (group !== 'image' || subgroup !== 'cmd' || rest[0] === '--help') return false;
  const { imageCommandVerbs, runImageCommand } = await import('../../unified/image-command.ts');
  const verb = imageCommandVerbs.find((known) => known === name);
  if (verb === undefined) return false;
  await requireBootedHost();
  await runImageCommand(verb, rest);
  return true;
}
