import { hash } from 'node:crypto';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type MadeEntry, makeEntry } from '../tar/make-tar.testing.ts';
import { createCrc64 } from './crc64.ts';

const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'hex');

/** A layer in a made store. */
export interface MadeLayer {
  id: string;
  archive: Buffer;
  diffId: string;
}

/** Container storage that a test makes, as podman's library lays it out. */
export interface MadeStore {
  root: string;
  images: object[];
  layers: object[];
}

export function makeStore(root: string): MadeStore {
  for (const name of ['overlay/l', 'overlay-layers', 'overlay-images'])
    mkdirSync(join(root, name), { recursive: true });
  const store = { root, images: [], layers: [] };
  writeRecords(store);
  return store;
}

/** Adds a layer above others, nearest parent first. Files that are `stubs` have only a name and a size in it. */
export function addLayer(
  store: MadeStore,
  entries: readonly MadeEntry[],
  parents: readonly MadeLayer[] = [],
): MadeLayer {
  const blocks = [...entries.map((entry) => ({ entry, blocks: makeEntry(entry) }))];
  const archive = Buffer.concat([...blocks.flatMap((each) => each.blocks), Buffer.alloc(1024)]);
  const id = sha256(Buffer.concat([archive, Buffer.from(parents[0]?.id ?? '')]));
  const folder = join(store.root, 'overlay', id);
  mkdirSync(join(folder, 'diff'), { recursive: true });
  for (const entry of entries) writeEntry(join(folder, 'diff'), entry);
  const short = id.slice(0, 26).toUpperCase();
  writeFileSync(join(folder, 'link'), short);
  symlinkSync(`../${id}/diff`, join(store.root, 'overlay/l', short));
  if (parents.length > 0) {
    writeFileSync(
      join(folder, 'lower'),
      parents.map((parent) => `l/${parent.id.slice(0, 26).toUpperCase()}`).join(':'),
    );
  }
  writeFileSync(join(store.root, 'overlay-layers', `${id}.tar-split.gz`), gzipSync(tarSplit(blocks)));
  const diffId = `sha256:${sha256(archive)}`;
  store.layers.push({ id, parent: parents[0]?.id, 'diff-digest': diffId, 'diff-size': archive.length });
  writeRecords(store);
  return { id, archive, diffId };
}

/** Adds an image of layers, the lowest first. @returns its id. */
export function addImage(store: MadeStore, names: readonly string[], layers: readonly MadeLayer[]): string {
  const diffIds = layers.map(({ diffId }) => diffId);
  const config = Buffer.from(
    JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } }),
  );
  const id = sha256(config);
  const manifest = JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: `sha256:${id}`, size: config.length },
    layers: layers.map(({ diffId, archive }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: diffId,
      size: archive.length,
    })),
  });
  const folder = join(store.root, 'overlay-images', id);
  mkdirSync(folder);
  writeFileSync(join(folder, 'manifest'), manifest);
  writeFileSync(join(folder, `=${Buffer.from(`sha256:${id}`).toString('base64')}`), config);
  store.images.push({ id, names, layer: layers.at(-1)?.id });
  writeRecords(store);
  return id;
}

function writeRecords(store: MadeStore): void {
  writeFileSync(join(store.root, 'overlay-images/images.json'), JSON.stringify(store.images));
  writeFileSync(join(store.root, 'overlay-layers/layers.json'), JSON.stringify(store.layers));
}

function writeEntry(folder: string, { name, type, content, target }: MadeEntry): void {
  const path = join(folder, name);
  mkdirSync(type === 'dir' ? path : dirname(path), { recursive: true });
  if (type === 'file' && content !== undefined) writeFileSync(path, content);
  if (type === 'symlink') symlinkSync(target ?? '', path);
}

function tarSplit(entries: readonly { entry: MadeEntry; blocks: Buffer[] }[]): string {
  const records: object[] = [];
  const bytes = (payload: Uint8Array) => {
    if (payload.length > 0) records.push({ type: 2, payload: Buffer.from(payload).toString('base64') });
  };
  for (const { entry, blocks } of entries) {
    const content = Buffer.from(entry.content ?? '');
    const padded = blocks.at(-1) as Buffer;
    bytes(Buffer.concat(blocks.slice(0, -1)));
    const crc = createCrc64();
    crc.update(content);
    const size = content.length === 0 ? {} : { size: content.length, payload: crc.digest().toString('base64') };
    records.push({ type: 1, name: `./${entry.name}`, ...size });
    bytes(padded.subarray(content.length));
  }
  bytes(Buffer.alloc(1024));
  return records.map((record, position) => `${JSON.stringify({ ...record, position })}\n`).join('');
}
