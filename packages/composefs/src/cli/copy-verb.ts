import { readImageDocuments } from '../oci/image-metadata.ts';
import { imagesOf } from '../oci/image-references.ts';
import { importImage } from '../oci/import-image.ts';
import { openRepositoryImage } from '../oci/repository-source.ts';
import { resolveImage } from '../oci/tags.ts';
import { openRepository } from '../repository/repository.ts';
import { type CliContext, lockNotice, openNamedRepository } from './context.ts';

/** `cfs oci copy --from REPOSITORY IMAGE`. The images to boot are made here too if the image has them there. */
export async function runCopy(
  context: CliContext,
  args: { image: string; from: string; name?: string | undefined; zerocopy: boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  await using from = await openRepository(args.from, { onWait: lockNotice(context), noUpgrade: true });
  const manifestDigest = await resolveImage(from, args.image);
  const { configReferences } = await readImageDocuments(from, manifestDigest);
  const image = await openRepositoryImage(from, manifestDigest, { zeroCopy: args.zerocopy });
  const result = await importImage(repository, image, {
    takesArtifacts: true,
    bootable: imagesOf(configReferences, true).size > 0,
    ...(args.name === undefined ? {} : { tag: args.name }),
  });
  const tagged = args.name === undefined ? '' : `, tagged as ${args.name}`;
  context.print(`Copied image ${args.image} from ${args.from} to destination repo${tagged}`);
  context.print(`Manifest digest: ${result.manifestDigest}`);
  context.print(`Manifest verity: ${result.manifestStream}`);
  context.print(`Config digest:   ${result.configDigest}`);
  context.print(`Config verity:   ${result.configStream}`);
}
