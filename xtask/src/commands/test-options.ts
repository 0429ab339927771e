import { loadSettings, type Settings } from '../settings/load-settings.ts';
import type { TestWishes } from '../settings/test-request.ts';
import { cellFromArguments, cellOptions } from './cell-options.ts';
import type { ArgumentsOf, OptionTable } from './verb.ts';

/** The options of every verb that starts a VM. */
export const vmOptions = {
  ...cellOptions,
  'allow-missing-fsverity': {
    type: 'boolean',
    group: 'VM:',
    describe: 'install also where the root file system has no fs-verity',
  },
  karg: { type: 'string', array: true, requiresArg: true, group: 'VM:', describe: 'kernel argument; can be repeated' },
} as const satisfies OptionTable;

/** The options of every verb that runs plans. */
export const testOptions = {
  ...vmOptions,
  context: {
    type: 'string',
    array: true,
    requiresArg: true,
    group: 'tmt:',
    describe: 'KEY=VALUE for the context of the plans; can be repeated',
  },
  env: {
    type: 'string',
    array: true,
    requiresArg: true,
    group: 'tmt:',
    describe: 'KEY=VALUE for the environment of the tests; can be repeated',
  },
  test: {
    type: 'string',
    array: true,
    requiresArg: true,
    group: 'tmt:',
    describe: 'only the tests whose name contains this, and plans that have one; can be repeated',
  },
  'upgrade-image': {
    type: 'string',
    requiresArg: true,
    group: 'tmt:',
    describe: 'images that upgrade plans move to, without a tag; they have the tags 1 and 2 (BOOTC_upgrade_image)',
  },
  snapshot: {
    type: 'boolean',
    group: 'VM:',
    describe: 'start VMs from the state that the first of their kind had after its boot; default: yes, but not in CI',
  },
  'preserve-vm': { type: 'boolean', group: 'VM:', describe: 'keep the VMs, and say how to reach them' },
  parallel: {
    type: 'string',
    requiresArg: true,
    group: 'VM:',
    describe: 'how many plans run at the same time; default: as many as processors and memory carry',
  },
  'log-dir': {
    type: 'string',
    requiresArg: true,
    group: 'tmt:',
    describe: 'folder for logs and reports (TMT_LOG_DIR); default: a new one in target/runs/',
  },
} as const satisfies OptionTable;

/** Reads `.env` and the profile, and decides the cell with what these options say. */
export function settingsOf(args: Partial<ArgumentsOf<typeof cellOptions>>): Promise<Settings> {
  return loadSettings({ commandLine: cellFromArguments(args), profile: args.profile });
}

/**
 * What these options say beside the cell, for plans in VMs of their own: these go on from snapshots, unless the machine is one of
 * CI, which no second run finds as the first one left it.
 */
export function planWishesOf(...of: Parameters<typeof wishesOf>): TestWishes {
  const wishes = wishesOf(...of);
  return { ...wishes, snapshot: wishes.snapshot ?? !process.env.CI };
}

/** What these options say beside the cell. */
export function wishesOf(
  image: string,
  filters: readonly string[],
  args: Partial<ArgumentsOf<typeof testOptions>>,
): TestWishes {
  return {
    image,
    filters,
    tests: args.test ?? [],
    contexts: args.context ?? [],
    environment: args.env ?? [],
    kernelArguments: args.karg ?? [],
    upgradeImage: args['upgrade-image'],
    parallel: args.parallel,
    preserveVm: args['preserve-vm'],
    snapshot: args.snapshot,
    allowMissingFsverity: args['allow-missing-fsverity'],
    // Empty counts as not set: CI systems define variables that way.
    logDir: args['log-dir'] ?? (process.env.TMT_LOG_DIR || undefined),
  };
}
