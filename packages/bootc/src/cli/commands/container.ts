import { defineCommand, defineGroup } from '../define-command.ts';
import { choice, flag, value, values } from '../options.ts';

const rootfs = value('Root of the image', { defaultDescription: '/' });
const writeDumpfile = value('Write the tree the digest is of as a dumpfile');

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
    handler: async (args) => {
      const { listChecks, runLint } = await import('../../container/lint/run-lint.ts');
      if (args.list === true) {
        process.stdout.write(listChecks());
        return;
      }
      await runLint({
        root: args.rootfs ?? '/',
        warningsAreFatal: args.fatalWarnings === true,
        skip: args.skip,
        showAll: args.noTruncate === true,
      });
    },
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
    handler: async (args) => {
      const { buildUnifiedKernel } = await import('../../container/ukify.ts');
      await buildUnifiedKernel({
        root: args.rootfs ?? '/',
        ...(args.kernelDir === undefined ? {} : { kernelDirectory: args.kernelDir }),
        isMissingVerityAllowed: args.allowMissingVerity === true,
        ...dumpfileOf(args),
        kargs: args.karg,
        ukifyArguments: [args.args, args['--']].flatMap((list) => (Array.isArray(list) ? list.map(String) : [])),
        tell: (text) => void process.stderr.write(text),
      });
    },
  }),
  defineCommand({
    command: 'compute-composefs-digest [path]',
    describe: false,
    options: { 'write-dumpfile-to': writeDumpfile },
    positionals: { path: { type: 'string', default: '/target', describe: 'Root of the image' } },
    handler: async (args) => {
      const { computeRootDigest } = await import('../../container/composefs-digest.ts');
      process.stdout.write(`${await computeRootDigest(String(args.path), args.writeDumpfileTo)}\n`);
    },
  }),
  defineCommand({
    command: 'compute-composefs-digest-from-storage [image]',
    describe: false,
    options: { 'write-dumpfile-to': writeDumpfile },
    positionals: { image: { type: 'string', describe: 'Image' } },
    handler: async (args) => {
      const { computeStorageDigest } = await import('../../container/digest-from-storage.ts');
      const image = args.image === undefined ? undefined : String(args.image);
      process.stdout.write(`${await computeStorageDigest(image, args.writeDumpfileTo)}\n`);
    },
  }),
  defineCommand({
    command: 'split-kernel-and-rootfs',
    describe: 'Move kernel and initramfs out of an image',
    options: { rootfs, output: value('Where they go', { demandOption: true }) },
    handler: async (args) => {
      const { splitKernel } = await import('../../container/split-kernel.ts');
      await splitKernel(args.rootfs ?? '/', String(args.output));
    },
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
    handler: async (args) => {
      const { exportImage } = await import('../../container/export.ts');
      await exportImage({
        root: String(args.target),
        ...(args.output === undefined ? {} : { output: args.output }),
        withKernelInBoot: args.kernelInBoot === true,
        isSelinuxDisabled: args.disableSelinux === true,
      });
    },
  }),
]);

function dumpfileOf(args: { writeDumpfileTo: string | undefined }): { dumpfile?: string } {
  return args.writeDumpfileTo === undefined ? {} : { dumpfile: args.writeDumpfileTo };
}
