import { CodedError } from '@workbench/run';
import { type MountOptions, mountImage } from '../mount/mount-image.ts';
import { readImageMetadata } from '../oci/image-metadata.ts';
import { imagesOf } from '../oci/image-references.ts';
import { resolveImage } from '../oci/tags.ts';
import type { Repository } from '../repository/repository.ts';
import { type CliContext, openNamedRepository } from './context.ts';

/** Where and how an image is mounted. */
export interface MountArguments {
  mountpoint: string;
  upperdir?: string | undefined;
  workdir?: string | undefined;
  'read-write': boolean;
}

/** `cfs mount NAME MOUNTPOINT`. */
export async function runMount(context: CliContext, args: MountArguments & { name: string }): Promise<void> {
  await using repository = await openNamedRepository(context);
  await mountImage(repository, args.name, args.mountpoint, mountOptionsOf(repository, args));
}

/** `cfs oci mount IMAGE MOUNTPOINT`. */
export async function runMountImage(
  context: CliContext,
  args: MountArguments & { image: string; bootable: boolean },
): Promise<void> {
  await using repository = await openNamedRepository(context);
  const name = args.image.startsWith('sha256:') ? `@${args.image}` : args.image;
  const { configReferences } = await readImageMetadata(repository, await resolveImage(repository, name));
  const images = imagesOf(configReferences, args.bootable);
  const digest = images.get(repository.erofsFormats.default) ?? [...images.values()][0];
  if (digest === undefined) {
    throw new CodedError('IMAGE_MISSING', `${args.image} has no ${args.bootable ? 'image to boot' : 'image'}`, {
      hint: `import it again${args.bootable ? ' with --bootable' : ''}: cfs oci pull`,
    });
  }
  await mountImage(repository, digest, args.mountpoint, mountOptionsOf(repository, args));
}

function mountOptionsOf(repository: Repository, args: MountArguments): MountOptions {
  const verity = repository.isSecure ? 'require' : 'if-supported';
  const { upperdir, workdir } = args;
  if (upperdir === undefined && workdir === undefined && !args['read-write']) return { verity };
  if (upperdir === undefined || workdir === undefined) {
    throw new CodedError('USAGE', 'an image is changed with both --upperdir and --workdir', {
      hint: 'give both, on one file system; the working directory has to be empty',
      exitCode: 2,
    });
  }
  return { verity, upper: { upperDir: upperdir, workDir: workdir, isReadWrite: args['read-write'] } };
}
