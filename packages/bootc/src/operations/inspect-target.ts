import { inspectSource, type SourceInspection } from '@workbench/composefs';
import type { ImageReference } from '../deployment/image-reference.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { locateImage } from '../unified/acquire-image.ts';

/**
 * Looks at the image that is to be staged, where staging will read it. Changes nothing.
 *
 * @throws what looking at it throws.
 */
export async function inspectTarget(
  storage: Pick<BootedStorage, 'root' | 'physicalRoot'>,
  reference: ImageReference,
): Promise<SourceInspection> {
  const { source, options } = await locateImage({ root: storage.root, physicalRoot: storage.physicalRoot, reference });
  return inspectSource(source, options);
}
