import { CodedError } from '@workbench/run';
import { repairRepository } from '../oci/repair.ts';
import { checkRepository } from '../threads/check-repository.ts';
import { type CliContext, openNamedRepository } from './context.ts';
import { formatConfiguration, formatFsck, formatHurt, fsckJson } from './report-text.ts';

/** `cfs fsck`. */
export async function runFsck(
  context: CliContext,
  args: { json: boolean; 'metadata-only': boolean; verbose: boolean; repair: string[] },
): Promise<void> {
  const isRepair = args.repair.length > 0;
  if (isRepair && args['metadata-only']) {
    throw new CodedError('USAGE', '--repair has to know the digests of objects', {
      hint: 'leave --metadata-only out',
      exitCode: 2,
    });
  }
  await using repository = await openNamedRepository(context);
  const before = await checkRepository(repository, { metadataOnly: args['metadata-only'] });
  const repair = isRepair ? await repairRepository(repository, before, args.repair) : undefined;
  const report = repair?.report ?? before;
  if (args.json) {
    const restored = repair === undefined ? {} : { restored: repair.restored };
    context.print(JSON.stringify({ ...fsckJson(repository, report), ...restored }, null, 2));
    return;
  }
  if (args.verbose) context.print(formatConfiguration(repository));
  context.print(formatFsck(report));
  if (report.hurtObjects.length > 0) context.print(formatHurt(report.hurtObjects));
  if (repair !== undefined)
    context.print(`restored: ${repair.restored.length} of ${before.hurtObjects.length} objects`);
  if (!report.ok) context.fail();
}
