import { defineCommand, defineGroup } from '../define-command.ts';
import { choice, value } from '../options.ts';
import { notBuilt, requireBootedHost } from '../require-booted-host.ts';

async function failUnbuilt(verb: string): Promise<void> {
  await requireBootedHost();
  throw notBuilt(`image ${verb}`);
}

/** `bootc image` */
export const imageCommand = defineGroup('image', false, [
  defineCommand({
    command: 'list',
    describe: 'List images',
    options: {
      type: choice(['all', 'logical', 'host'], 'Which images'),
      format: choice(['table', 'json'], 'Output format'),
    },
    handler: () => failUnbuilt('list'),
  }),
  defineCommand({
    command: 'copy-to-storage',
    describe: 'Copy the image of a deployment to the default containers-storage',
    options: { source: value('Image; the booted one by default'), target: value('Name of the copy') },
    handler: () => failUnbuilt('copy-to-storage'),
  }),
  defineCommand({
    command: 'set-unified',
    describe: 'Pull through containers-storage from now on',
    options: {},
    handler: () => failUnbuilt('set-unified'),
  }),
  defineCommand({
    command: 'pull-from-default-storage <image>',
    describe: 'Copy an image from the default containers-storage',
    options: { image: value('Image') },
    positionals: { image: { type: 'string', demandOption: true, describe: 'Image' } },
    handler: () => failUnbuilt('pull-from-default-storage'),
  }),
  defineGroup('cmd', 'Run podman image on the storage of bootc', [
    ...['list', 'build', 'push', 'pull'].map((verb) =>
      defineCommand({
        command: `${verb} [args..]`,
        describe: `podman image ${verb}`,
        options: {},
        positionals: { args: { type: 'string', array: true, describe: 'Arguments of podman' } },
        handler: () => failUnbuilt(`cmd ${verb}`),
      }),
    ),
  ]),
]);
