import { defineCommand, defineGroup } from '../define-command.ts';
import { choice, flag, value, values } from '../options.ts';
import { notBuilt } from '../require-booted-host.ts';

const rootfs = value('Root of the image', { defaultDescription: '/' });
const writeDumpfile = value('Write the tree the digest is of as a dumpfile');

async function failUnbuilt(verb: string): Promise<void> {
  throw notBuilt(`container ${verb}`);
}

/** `bootc container` */
export const containerCommand = defineGroup('container', 'Things to do while an image is built', [
  defineCommand({
    command: 'inspect',
    describe: 'Show the kernel and the kernel arguments of an image',
    options: {
      rootfs,
      json: flag('Print JSON', { conflicts: ['format'] }),
      format: choice(['humanreadable', 'yaml', 'json'], 'Output format'),
    },
    handler: async (args) => {
      const { inspectImage } = await import('../../container/inspect.ts');
      const format = args.json ? 'json' : (args.format ?? 'humanreadable');
      process.stdout.write(await inspectImage(args.rootfs ?? '/', format));
    },
  }),
  defineCommand({
    command: 'lint',
    describe: 'Look for what makes an image boot badly or not at all',
    options: {
      rootfs,
      'fatal-warnings': flag('A warning is a failure'),
      list: flag('List the checks'),
      skip: values('Leave out a check'),
      'no-truncate': flag('Show everything that was found'),
    },
    handler: () => failUnbuilt('lint'),
  }),
  defineCommand({
    command: 'ukify [args..]',
    describe: 'Build a unified kernel image for an image',
    options: {
      rootfs,
      'kernel-dir': value('Folder with vmlinuz and initramfs.img; its name is the version'),
      'allow-missing-verity': flag('Boot where fs-verity is missing, too'),
      'write-dumpfile-to': writeDumpfile,
      karg: values('Further kernel argument', { hidden: true }),
    },
    positionals: { args: { type: 'string', array: true, describe: 'Arguments of ukify' } },
    handler: () => failUnbuilt('ukify'),
  }),
  defineCommand({
    command: 'compute-composefs-digest [path]',
    describe: false,
    options: { 'write-dumpfile-to': writeDumpfile },
    positionals: { path: { type: 'string', default: '/target', describe: 'Root of the image' } },
    handler: () => failUnbuilt('compute-composefs-digest'),
  }),
  defineCommand({
    command: 'compute-composefs-digest-from-storage [image]',
    describe: false,
    options: { 'write-dumpfile-to': writeDumpfile },
    positionals: { image: { type: 'string', describe: 'Image' } },
    handler: () => failUnbuilt('compute-composefs-digest-from-storage'),
  }),
  defineCommand({
    command: 'split-kernel-and-rootfs',
    describe: 'Move kernel and initramfs out of an image',
    options: { rootfs, output: value('Where they go') },
    handler: () => failUnbuilt('split-kernel-and-rootfs'),
  }),
  defineCommand({
    command: 'export <target>',
    describe: false,
    options: {
      format: choice(['tar'], 'Output format'),
      output: value('File', { alias: 'o' }),
      'kernel-in-boot': flag('Put the kernel in /boot'),
      'disable-selinux': flag('No SELinux labels'),
    },
    positionals: { target: { type: 'string', demandOption: true, describe: 'Root of the image' } },
    handler: () => failUnbuilt('export'),
  }),
]);
