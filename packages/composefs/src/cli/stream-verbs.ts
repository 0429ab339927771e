import { CodedError } from '@workbench/run';
import { describeLayer, dumpLayer } from '../oci/describe-layer.ts';
import { contentTypes, streamName } from '../oci/names.ts';
import { storeLayer } from '../oci/store-layer.ts';
import type { Repository } from '../repository/repository.ts';
import { mergeStream, type OpenedStream, openStream } from '../repository/streams.ts';
import { type CliContext, digestArgument, openNamedRepository } from './context.ts';

/** `cfs cat NAME`: the merged stream. */
export async function runCat(context: CliContext, args: { name: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  await writeMerged(context, repository, await openStream(repository, args.name));
}

/** `cfs oci import-layer DIGEST [NAME]`: an uncompressed archive from standard input. */
export async function runImportLayer(
  context: CliContext,
  args: { digest: string; name?: string | undefined },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const stream = await storeLayer(repository, digestArgument(args.digest), context.input, args.name);
  context.print(`${repository.algorithm}:${stream}`);
}

/** `cfs oci layer DIFF_ID`: the archive bit for bit, its entries as a dumpfile, or figures in JSON. */
export async function runLayer(
  context: CliContext,
  args: { layer: string; dumpfile: boolean; json: boolean },
): Promise<void> {
  if (args.dumpfile && args.json) {
    throw new CodedError('USAGE', '--dumpfile and --json exclude each other', { hint: 'give one', exitCode: 2 });
  }
  const name = streamName('layer', digestArgument(args.layer));
  await using repository = await openNamedRepository(context);
  const layer = await openStream(repository, name, contentTypes.layer);
  if (args.dumpfile) {
    await dumpLayer(layer, (line) => context.print(line.trimEnd()));
  } else if (args.json) {
    const { sizeBytes, entryCount, objectCount, objectBytes } = await describeLayer(layer);
    const splitstream = {
      externalObjects: objectCount,
      externalSize: objectBytes,
      inlineSize: sizeBytes - objectBytes,
    };
    const shown = { diffId: args.layer, verity: layer.digest, size: sizeBytes, entryCount, splitstream };
    context.print(JSON.stringify(shown, null, 2));
  } else {
    await writeMerged(context, repository, layer);
  }
}

async function writeMerged(context: CliContext, repository: Repository, stream: OpenedStream): Promise<void> {
  for await (const piece of mergeStream(repository, stream)) await context.write(piece);
}
