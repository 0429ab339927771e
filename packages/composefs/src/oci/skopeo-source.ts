import { hash } from 'node:crypto';
import { run } from '@workbench/run';
import type { ImageSource } from '../containers-storage/image-source.ts';
import { sourceError } from '../skopeo/errors.ts';
import { openSkopeoProxy, type SkopeoOptions, type SkopeoProxy, skopeoArguments } from '../skopeo/proxy.ts';
import { compareDigest } from './compare-digest.ts';
import { parseManifest } from './manifest.ts';
import { makePackedSource } from './packed-source.ts';

const registryPrefix = 'docker://';
/** Layers that are fetched at the same time. */
const proxies = 3;

/**
 * Opens an image in a registry, an archive or a `dir:` folder by skopeo, which streams what is asked for, so that a layer
 * that nobody reads is never fetched. Manifest and configuration are what the image has, bit for bit, whatever its
 * format. Every blob is compared with its digest.
 *
 * @param name `docker://NAME`, `oci-archive:PATH[:TAG]`, `docker-archive:PATH[:NAME]`, `dir:PATH`.
 * @throws CodedError `SOURCE_UNREADABLE`; `OCI_INVALID`, `OCI_BLOB_MISMATCH`; `COMMAND_NOT_FOUND` without skopeo.
 */
export async function openSkopeoImage(name: string, options: SkopeoOptions): Promise<ImageSource> {
  const idle = [await openSkopeoProxy(name, options)];
  const all = [...idle];
  const close = async (): Promise<void> => {
    await Promise.all(all.map((proxy) => proxy[Symbol.asyncDispose]()));
  };
  const takeProxy = async (): Promise<SkopeoProxy> => {
    const free = idle.pop();
    if (free !== undefined) return free;
    const started = await openSkopeoProxy(name, options);
    all.push(started);
    return started;
  };
  try {
    const first = idle[0] as SkopeoProxy;
    const manifest = await readOriginalManifest(first, name, options);
    const descriptor = parseManifest(manifest).config;
    const config = await collect(first.readBlob(descriptor.digest, descriptor.size));
    compareDigest(`the configuration of ${name}`, descriptor.digest, hash('sha256', config, 'hex'));
    const source = makePackedSource(name, {
      manifest,
      config,
      async *open({ digest, size }, signal) {
        const proxy = await takeProxy();
        // One that was left in the middle of a blob is not used again.
        yield* proxy.readBlob(digest, size, signal);
        idle.push(proxy);
      },
    });
    return { ...source, parallelLayers: proxies, close };
  } catch (error) {
    await close();
    throw error;
  }
}

// The proxy converts manifests of other formats, and then the digest of what it gives is not that of the image.
async function readOriginalManifest(proxy: SkopeoProxy, name: string, options: SkopeoOptions): Promise<Buffer> {
  const { bytes, originalDigest } = await proxy.readManifest();
  if (`sha256:${hash('sha256', bytes, 'hex')}` === originalDigest) return bytes;
  const original = name.startsWith(registryPrefix) ? `${withoutTag(name)}@${originalDigest}` : name;
  const { stdout } = await run(['skopeo', 'inspect', '--raw', ...skopeoArguments(options), original], {
    step: `read the manifest of ${name}`,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  }).catch((error: { stderr?: string }) => {
    throw typeof error.stderr === 'string' && error.stderr !== '' ? sourceError(name, error.stderr, error) : error;
  });
  const raw = Buffer.from(stdout);
  compareDigest(`the manifest of ${name}`, originalDigest, hash('sha256', raw, 'hex'));
  return raw;
}

function withoutTag(name: string): string {
  return name.replace(/@sha256:[0-9a-f]+$/, '').replace(/:[^/:]+$/, '');
}

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of chunks) parts.push(part);
  return Buffer.concat(parts);
}
