import { hash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { MadeEntry } from '../tar/make-tar.testing.ts';

/** The directories that every image needs. */
export const skeleton: MadeEntry[] = ['usr', 'boot', 'sysroot', 'run', 'etc', 'usr/lib'].map((name, i) => ({
  name: `${name}/`,
  type: 'dir',
  mode: '755',
  mtime: 1_700_000_000 + i,
}));

/** A blob and its media type. */
export type TypedBlob = readonly [mediaType: string, content: string | Buffer];

/** The configuration of artifacts that have none. */
export const emptyConfig: TypedBlob = ['application/vnd.oci.empty.v1+json', '{}'];

/** Makes an OCI layout of an artifact that is no container image. @returns its path. */
export function makeArtifact(path: string, layers: readonly TypedBlob[], config: TypedBlob = emptyConfig): string {
  const blob = makeBlobFolder(path);
  const typed = ([mediaType, content]: TypedBlob) => blob(mediaType, Buffer.from(content));
  const manifest = {
    schemaVersion: 2,
    mediaType: `${mediaTypes}.manifest.v1+json`,
    artifactType: 'application/example',
    config: typed(config),
    layers: layers.map(typed),
  };
  writeIndex(path, blob(`${mediaTypes}.manifest.v1+json`, Buffer.from(JSON.stringify(manifest))));
  return path;
}

/** Makes an OCI layout of one image with these layers, gzip and uncompressed by turns. @returns its path. */
export function makeLayout(path: string, layers: readonly Buffer[]): string {
  const blob = makeBlobFolder(path);
  const descriptors = layers.map((layer, i) =>
    i % 2 === 0 ? blob(`${mediaTypes}.layer.v1.tar+gzip`, gzipSync(layer)) : blob(`${mediaTypes}.layer.v1.tar`, layer),
  );
  const config = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${hash('sha256', layer, 'hex')}`) },
  };
  const manifest = {
    schemaVersion: 2,
    mediaType: `${mediaTypes}.manifest.v1+json`,
    config: blob(`${mediaTypes}.config.v1+json`, Buffer.from(JSON.stringify(config))),
    layers: descriptors,
  };
  writeIndex(path, blob(`${mediaTypes}.manifest.v1+json`, Buffer.from(JSON.stringify(manifest))));
  return path;
}

const mediaTypes = 'application/vnd.oci.image';

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
}

function makeBlobFolder(path: string): (mediaType: string, bytes: Buffer) => Descriptor {
  mkdirSync(join(path, 'blobs/sha256'), { recursive: true });
  writeFileSync(join(path, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return (mediaType, bytes) => {
    const hex = hash('sha256', bytes, 'hex');
    writeFileSync(join(path, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
}

function writeIndex(path: string, manifest: Descriptor): void {
  const manifests = [{ ...manifest, platform: { architecture: 'amd64', os: 'linux' } }];
  writeFileSync(join(path, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}
