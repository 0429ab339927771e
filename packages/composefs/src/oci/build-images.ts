import { storeImage } from '../repository/images.ts';
import type { ErofsFormat } from '../repository/metadata.ts';
import type { Repository } from '../repository/repository.ts';
import { transformForBoot } from '../tree/boot-transform.ts';
import { transformImageTree } from '../tree/image-transform.ts';
import type { Directory } from '../tree/tree.ts';
import { buildLayerTree, readFileNode, type StoredLayer } from './image-tree.ts';

/** Digests of the images of a container image, by format. */
export interface BuiltImages {
  images: Map<ErofsFormat, string>;
  bootImages: Map<ErofsFormat, string>;
  /** `/boot` of the image as its layers make it; undefined if it has none, or where the images were not made anew. */
  bootFolder?: Directory;
}

/**
 * Makes and stores the images of layers, in each of the formats: the plain ones, the ones to boot, as wanted. They
 * have no names yet.
 *
 * @throws CodedError as `buildLayerTree`, `transformImageTree` and `transformForBoot`.
 */
export async function buildImages(
  repository: Repository,
  layers: readonly StoredLayer[],
  options: { formats: readonly ErofsFormat[]; isPlain: boolean; isBootable: boolean },
): Promise<BuiltImages> {
  const root = await buildLayerTree(repository, layers);
  const built: BuiltImages = { images: new Map(), bootImages: new Map() };
  transformImageTree(root);
  if (options.isPlain)
    for (const format of options.formats) built.images.set(format, await storeImage(repository, root, format));
  if (!options.isBootable) return built;
  const boot = root.entries.get('boot');
  if (boot?.type === 'directory') built.bootFolder = { ...boot, entries: new Map(boot.entries) };
  await transformForBoot(root, (leaf) => readFileNode(repository, leaf));
  for (const format of options.formats) built.bootImages.set(format, await storeImage(repository, root, format));
  return built;
}
