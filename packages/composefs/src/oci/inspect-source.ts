import { hash } from 'node:crypto';
import { findImage, followParents } from '../containers-storage/find-image.ts';
import { findLayerFolders } from '../containers-storage/layer-files.ts';
import { openStores } from '../containers-storage/store.ts';
import { type OciConfig, type OciManifest, parseConfig, parseManifest, requireContainerImage } from './manifest.ts';
import { openSource, type SourceOptions, splitSource } from './open-source.ts';

/** What can be known of an image before it is imported. */
export interface SourceInspection {
  /** `sha256:` and hex, of the very bytes. */
  manifestDigest: string;
  configDigest: string;
  manifest: OciManifest;
  config: OciConfig;
  /** The layers, the lowest first; sizes as in `layersBytes`. */
  layers: readonly { diffId: string; sizeBytes: number }[];
  /** Size of all layers: unpacked in container storage, as stored (perhaps compressed) elsewhere. */
  layersBytes: number;
  /** Folders with the unpacked layers, the topmost first; empty where they are packed. */
  folders: readonly string[];
}

/**
 * Looks at an image that could be imported, reading its manifest and its configuration and none of its layers.
 *
 * @param source as `openSource` takes it.
 * @throws CodedError as `openSource`; `OCI_ARTIFACT`; `OCI_INVALID`.
 */
export async function inspectSource(source: string, options: SourceOptions = {}): Promise<SourceInspection> {
  const { transport, name } = splitSource(source);
  const image = await openSource(source, options);
  await image.close?.();
  const manifest = parseManifest(image.manifest);
  requireContainerImage(manifest, source);
  return {
    manifestDigest: `sha256:${hash('sha256', image.manifest, 'hex')}`,
    configDigest: `sha256:${hash('sha256', image.config, 'hex')}`,
    manifest,
    config: parseConfig(image.config),
    layers: image.layers.map(({ diffId, sizeBytes }) => ({ diffId, sizeBytes })),
    layersBytes: image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    folders: transport === 'containers-storage' ? unpackedFolders(name, options.storageRoots) : [],
  };
}

function unpackedFolders(name: string, roots: readonly string[] | undefined): readonly string[] {
  const stores = openStores(roots);
  const top = followParents(stores, findImage(stores, name).layer).at(-1);
  return top === undefined ? [] : findLayerFolders(stores, top);
}
