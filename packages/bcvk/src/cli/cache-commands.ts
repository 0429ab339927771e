import { CodedError } from '@workbench/run';
import type { Argv } from 'yargs';
import type { BaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../context/context.ts';
import { listBaseDisksWithUsers, pruneBaseDisks } from '../libvirt/base-disk.ts';
import { parseDiskSize, showBytes } from '../sizes/sizes.ts';
import type { Choose } from './libvirt-commands.ts';
import { flagOf, type Parsed, stringOf } from './strict-yargs.ts';
import { renderTable } from './table.ts';

type UsedDisk = BaseDisk & { usedBy: string[] };

const format = { type: 'string', choices: ['table', 'json'], default: 'table', describe: 'Output format' } as const;
const dryRun = { type: 'boolean', describe: 'Only say what would be removed' } as const;

/** Adds `base-disks list` and `base-disks prune`. */
export function addBaseDiskCommands(yargs: Argv, choose: Choose): Argv {
  return yargs
    .command(
      'list',
      'List base disks',
      (verb) => verb.option('format', format),
      (parsed: Parsed) => choose((context) => listDisks(parsed, context)),
    )
    .command(
      'prune',
      'Remove base disks that no VM uses',
      (verb) => verb.option('dry-run', dryRun),
      (parsed: Parsed) => choose((context) => prune(0, flagOf(parsed, 'dry-run'), context)),
    )
    .demandCommand(1, 'a command is needed after base-disks');
}

/** Adds `cache list`, `cache explain` and `cache prune`, which real bcvk does not have. */
export function addCacheCommands(yargs: Argv, choose: Choose): Argv {
  return yargs
    .command(
      'list',
      'List what the cache holds',
      (verb) => verb.option('format', format),
      (parsed: Parsed) => choose((context) => listDisks(parsed, context)),
    )
    .command(
      'explain <key>',
      'Show everything that went into a base disk',
      (verb) => verb.positional('key', { type: 'string', describe: 'Key, or its beginning' }),
      (parsed: Parsed) => choose((context) => explain(String(parsed.key), context)),
    )
    .command(
      'prune',
      'Remove what was used longest ago, down to a size',
      (verb) =>
        verb.options({
          'dry-run': dryRun,
          budget: {
            type: 'string',
            requiresArg: true,
            describe: 'Size to stay within (default: BCVK_CACHE_BUDGET, 20G)',
          },
        }),
      (parsed: Parsed) => {
        const budget = stringOf(parsed, 'budget');
        const bytes = budget === undefined ? undefined : parseDiskSize(budget);
        choose((context) => prune(bytes, flagOf(parsed, 'dry-run'), context));
      },
    )
    .demandCommand(1, 'a command is needed after cache');
}

async function listDisks(parsed: Parsed, context: Context): Promise<undefined> {
  const disks = listBaseDisksWithUsers(context);
  if (parsed.format === 'json') {
    const rows = disks.map((disk) => ({
      path: disk.file,
      key: disk.key,
      image_digest: disk.record.inputs.imageDigest,
      size: disk.usedBytes,
      ref_count: disk.usedBy.length,
      used_by: disk.usedBy,
      created: disk.record.created,
      last_used: disk.lastUsed.toISOString(),
      inputs: disk.record.inputs,
    }));
    context.print(JSON.stringify(rows, undefined, 2));
    return undefined;
  }
  const rows = disks.map((disk) => [
    disk.key,
    showBytes(disk.usedBytes),
    String(disk.usedBy.length),
    disk.record.created.slice(0, 16).replace('T', ' '),
    summary(disk),
  ]);
  const table = renderTable(['KEY', 'SIZE', 'VMS', 'CREATED', 'MADE FROM'], rows);
  context.print(disks.length === 0 ? 'No base disks found' : table);
  return undefined;
}

function summary({ record }: UsedDisk): string {
  const { inputs } = record;
  const backend = inputs.composefsBackend ? `composefs/${inputs.bootloader ?? 'default'}` : 'ostree';
  return `${inputs.sourceReference} ${backend} ${inputs.filesystem ?? 'default'}`;
}

async function explain(prefix: string, context: Context): Promise<undefined> {
  const found = listBaseDisksWithUsers(context).filter(({ key }) => key.startsWith(prefix));
  const [disk] = found;
  if (disk === undefined || found.length > 1) {
    throw new CodedError(
      'NO_SUCH_DISK',
      `${found.length === 0 ? 'no' : 'more than one'} base disk begins with '${prefix}'`,
      {
        hint: 'see: bcvk cache list',
      },
    );
  }
  const { key, file, record, usedBytes, lastUsed, usedBy } = disk;
  context.print(JSON.stringify({ key, file, usedBytes, lastUsed, usedBy, ...record }, undefined, 2));
  return undefined;
}

async function prune(budgetBytes: number | undefined, isDryRun: boolean, context: Context): Promise<undefined> {
  const plan = pruneBaseDisks(context, { ...(budgetBytes === undefined ? {} : { budgetBytes }), dryRun: isDryRun });
  const word = (keep: boolean) => (keep ? 'keep' : isDryRun ? 'would remove' : 'removed');
  for (const { disk, keep, reason } of plan)
    context.print(`${word(keep)} ${disk.key} (${showBytes(disk.usedBytes)}): ${reason}`);
  if (plan.length === 0) context.print('No base disks found');
  return undefined;
}
