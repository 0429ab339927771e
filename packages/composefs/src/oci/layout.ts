import { hash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { ImageSource } from '../containers-storage/image-source.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { compareDigest } from './compare-digest.ts';
import { isIndex, type OciDescriptor, type OciIndex, parseIndex, parseManifest } from './manifest.ts';
import { checkSha256 } from './names.ts';
import { makePackedSource } from './packed-source.ts';

const refNameAnnotation = 'org.opencontainers.image.ref.name';
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * Opens an image in an OCI image layout, a folder with `index.json` and `blobs/`. Every blob that is read is compared
 * with its digest.
 *
 * @param reference `DIR` or `DIR:TAG`.
 * @throws CodedError `OCI_LAYOUT` if there is no layout, or no such image in it; `OCI_INVALID`; `OCI_BLOB_MISMATCH`.
 */
export function openLayout(reference: string): ImageSource {
  const { directory, tag } = splitReference(reference);
  const index = parseIndex(readLayoutFile(directory, 'index.json'));
  const manifestBytes = readManifest(directory, index, tag);
  const config = readBlob(directory, parseManifest(manifestBytes).config);
  const source = makePackedSource(directory, {
    manifest: manifestBytes,
    config,
    open: (layer) => readInPieces(blobPath(directory, layer.digest)),
  });
  return { ...source, parallelLayers: 2 };
}

const pieceBytes = 256 * 1024;

// One piece is read while the one before is used; fresh memory for each would keep the garbage collector busy.
async function* readInPieces(path: string): AsyncGenerator<Buffer> {
  await using file = await open(path);
  const buffers = [Buffer.allocUnsafeSlow(pieceBytes), Buffer.allocUnsafeSlow(pieceBytes)] as const;
  const read = (turn: number) => file.read(buffers[turn % 2] as Buffer, 0, pieceBytes);
  let pending = read(0);
  try {
    for (let turn = 1; ; turn++) {
      const { bytesRead, buffer } = await pending;
      if (bytesRead === 0) return;
      pending = read(turn);
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await pending.catch(() => {});
  }
}

function readManifest(directory: string, index: OciIndex, tag: string | undefined): Buffer {
  const tagged = index.manifests.filter(
    (manifest) => tag === undefined || manifest.annotations?.[refNameAnnotation] === tag,
  );
  const fitting = tagged.filter(isForThisMachine);
  const chosen = fitting[0];
  if (chosen === undefined || fitting.length > 1) {
    const tags = index.manifests.map((manifest) => manifest.annotations?.[refNameAnnotation] ?? '(no tag)');
    const problem = chosen === undefined ? 'has no image' : 'has several images';
    throw layoutError(directory, `${problem} ${tag ?? ''} for this machine; its tags are ${tags.join(', ')}`);
  }
  return readDescribed(directory, chosen);
}

// What a tag names is one image, of which an index has builds for several machines: the first one that fits is taken.
function readDescribed(directory: string, descriptor: OciIndex['manifests'][number]): Buffer {
  const bytes = readBlob(directory, descriptor);
  if (!isIndex(descriptor)) return bytes;
  const fitting = parseIndex(bytes).manifests.find(isForThisMachine);
  if (fitting !== undefined) return readDescribed(directory, fitting);
  throw layoutError(directory, `has no image for this machine in its index ${descriptor.digest}`);
}

function isForThisMachine({ platform }: OciIndex['manifests'][number]): boolean {
  return platform === undefined || (platform.os === 'linux' && platform.architecture === architectures[process.arch]);
}

function readBlob(directory: string, descriptor: OciDescriptor): Buffer {
  const path = blobPath(directory, descriptor.digest);
  const bytes = readLayoutFile(path, '');
  compareDigest(`blob ${path}`, descriptor.digest, hash('sha256', bytes, 'hex'));
  return bytes;
}

function blobPath(directory: string, digest: string): string {
  return join(directory, 'blobs', checkSha256(digest).replace(':', '/'));
}

function readLayoutFile(directory: string, name: string): Buffer {
  try {
    return readFileSync(name === '' ? directory : join(directory, name));
  } catch (error) {
    if (!isSystemError(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw layoutError(directory, name === '' ? 'is missing' : `has no ${name}`);
  }
}

// A path with a colon in it is taken as a path if it is there.
function splitReference(reference: string): { directory: string; tag: string | undefined } {
  const colon = reference.indexOf(':');
  if (colon === -1 || existsSync(reference)) return { directory: reference, tag: undefined };
  return { directory: reference.slice(0, colon), tag: reference.slice(colon + 1) };
}

function layoutError(path: string, problem: string): CodedError {
  return new CodedError('OCI_LAYOUT', `${path} ${problem}`, {
    hint: 'name a folder that is an OCI image layout, as made by: skopeo copy SOURCE oci:DIR:TAG',
  });
}
