import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { run } from '@workbench/run';

/** Files of one layer: content by path. */
export type LayerFiles = Readonly<Record<string, string | Uint8Array>>;

/** Writes an OCI image layout with these layers, the lowest first, into a folder. */
export async function makeLayout(folder: string, layers: readonly LayerFiles[]): Promise<string> {
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  };
  const digestOf = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const addBlob = (content: Uint8Array | object, mediaType: string) => {
    const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    put(join(folder, 'blobs', digest.replace(':', '/')), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const oci = 'application/vnd.oci.image';
  const descriptors = [];
  const diffIds = [];
  for (const files of layers) {
    const tree = join(folder, 'tree');
    mkdirSync(tree, { recursive: true });
    for (const [path, content] of Object.entries(files)) put(join(tree, path), content);
    await run(
      [
        'tar',
        '--sort=name',
        '--mtime=@1700000000',
        '--owner=0',
        '--group=0',
        '-C',
        tree,
        '-cf',
        join(folder, 'layer.tar'),
        '.',
      ],
      {
        step: 'make a layer',
      },
    );
    const archive = readFileSync(join(folder, 'layer.tar'));
    rmSync(tree, { recursive: true });
    diffIds.push(digestOf(archive));
    descriptors.push(addBlob(gzipSync(archive, { level: 1 }), `${oci}.layer.v1.tar+gzip`));
  }
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const config = addBlob(
    { created: '2026-11-24T14:17:04Z', architecture, os: 'linux', rootfs: { type: 'layers', diff_ids: diffIds } },
    `${oci}.config.v1+json`,
  );
  const mediaType = `${oci}.manifest.v1+json`;
  const manifest = addBlob({ schemaVersion: 2, mediaType, config, layers: descriptors }, mediaType);
  put(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  put(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  rmSync(join(folder, 'layer.tar'));
  return folder;
}

/** The folders that every image to boot has. */
export const bootableFolders: LayerFiles = {
  'boot/.keep': '',
  'sysroot/.keep': '',
  'usr/lib/os-release': 'ID=example\n',
};
