import { hash } from 'node:crypto';
import { CodedError } from '@workbench/run';
import { findImage, followParents } from '../containers-storage/find-image.ts';
import { openLayerFiles } from '../containers-storage/layer-files.ts';
import { openStoredImage } from '../containers-storage/open-image.ts';
import { openStores } from '../containers-storage/store.ts';
import { openLayout } from './layout.ts';
import { type OciManifest, parseManifest } from './manifest.ts';

/** What can be known of an image before it is imported. */
export interface SourceInspection {
  /** `sha256:` and hex. */
  manifestDigest: string;
  configDigest: string;
  manifest: OciManifest;
  /** The layers, the lowest first; sizes as in `layersBytes`. */
  layers: readonly { diffId: string; sizeBytes: number }[];
  /** Size of all layers: unpacked in container storage, as stored (perhaps compressed) in a layout. */
  layersBytes: number;
  /** Folders with the unpacked layers, the topmost first; empty where they are packed. */
  folders: readonly string[];
}

/**
 * Looks at an image that could be imported, reading none of its files.
 *
 * @param source as `importImage` takes it.
 * @throws CodedError `IMPORT_SOURCE`; what opening the source throws.
 */
export function inspectSource(source: string, options: { storageRoots?: readonly string[] } = {}): SourceInspection {
  const colon = source.indexOf(':');
  const [transport, name] = [source.slice(0, colon), source.slice(colon + 1)];
  if (transport !== 'oci' && transport !== 'containers-storage') {
    throw new CodedError('IMPORT_SOURCE', `${JSON.stringify(source)} is no source that can be imported`, {
      hint: 'use oci:DIR[:TAG] or containers-storage:NAME; bring others there first: podman pull, or skopeo copy',
    });
  }
  const image = transport === 'oci' ? openLayout(name) : openStoredImage(name, options.storageRoots);
  return {
    manifestDigest: `sha256:${hash('sha256', image.manifest, 'hex')}`,
    configDigest: `sha256:${hash('sha256', image.config, 'hex')}`,
    manifest: parseManifest(image.manifest),
    layers: image.layers.map(({ diffId, sizeBytes }) => ({ diffId, sizeBytes })),
    layersBytes: image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    folders: transport === 'oci' ? [] : unpackedFolders(name, options.storageRoots),
  };
}

function unpackedFolders(name: string, roots: readonly string[] | undefined): readonly string[] {
  const stores = openStores(roots);
  const top = followParents(stores, findImage(stores, name).layer).at(-1);
  return top === undefined ? [] : openLayerFiles(stores, top).folders;
}
