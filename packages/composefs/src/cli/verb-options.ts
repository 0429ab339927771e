import type { Argv, InferredOptionTypes, Options } from 'yargs';
import { hashAlgorithms } from '../fsverity/algorithm.ts';
import { type AttributePolicy, attributePolicies } from '../tree/image-transform.ts';

/** Options of every verb. */
export const globalOptions = {
  repo: { type: 'string', describe: 'The repository' },
  user: { type: 'boolean', describe: 'The repository of the user, ~/.var/lib/composefs' },
  system: { type: 'boolean', describe: 'The repository of the system, /sysroot/composefs' },
  hash: { choices: hashAlgorithms, describe: 'Hash of digests; by default that of the repository' },
  'erofs-version': {
    type: 'number',
    choices: [0, 1, 2],
    describe: 'Format of images; by default that of the repository',
  },
  'require-verity': { type: 'boolean', describe: 'Refuse a repository that fs-verity does not guard' },
  'no-upgrade': { type: 'boolean', describe: 'Refuse a repository without meta.json instead of writing one' },
  'no-repo': { type: 'boolean', describe: 'Open no repository; for compute-id, compute-karg and create-dumpfile' },
} as const satisfies Record<string, Options>;

/** What the global options parse to. */
export type ParsedGlobals = InferredOptionTypes<typeof globalOptions>;

/** Options of verbs that make the tree of an image. */
export function treeOptions<Args>(parser: Argv<Args>) {
  return parser
    .option('bootable', {
      type: 'boolean',
      default: false,
      describe: 'As it is when booted: /boot, /sysroot, SELinux labels',
    })
    .option('xattrs', {
      choices: attributePolicies,
      default: attributePolicies[0] as AttributePolicy,
      describe: 'Which extended attributes to keep',
    });
}

/** Options of verbs that read a directory. */
export function directoryOptions<Args>(parser: Argv<Args>) {
  return treeOptions(parser)
    .positional('path', { type: 'string', demandOption: true, describe: 'The directory' })
    .option('no-propagate-usr-to-root', {
      type: 'boolean',
      default: false,
      describe: 'Take the tree as it is, without the changes made to OCI images',
    });
}

/** Options of verbs that mount. */
export function mountOptions<Args>(parser: Argv<Args>) {
  return parser
    .positional('mountpoint', { type: 'string', demandOption: true, describe: 'An existing directory' })
    .option('fuse', {
      choices: ['auto', 'no'] as const,
      default: 'auto' as const,
      describe: 'The kernel mounts in any case',
    })
    .option('upperdir', { type: 'string', describe: 'Directory that takes changes' })
    .option('workdir', { type: 'string', describe: 'Empty directory beside it, for overlayfs' })
    .option('read-write', { type: 'boolean', default: false, describe: 'Allow changes; needs --upperdir' });
}
