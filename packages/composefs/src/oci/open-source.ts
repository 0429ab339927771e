import { CodedError } from '@workbench/run';
import type { ImageSource } from '../containers-storage/image-source.ts';
import { openStoredImage, type StoredImageOptions } from '../containers-storage/open-image.ts';
import type { SkopeoOptions } from '../skopeo/proxy.ts';
import { openLayout } from './layout.ts';

/** Where an image is looked for, and how it is reached. */
export interface SourceOptions extends SkopeoOptions, StoredImageOptions {}

/** A source, taken apart. @throws CodedError `IMPORT_SOURCE` for a transport that is none of those known. */
export function splitSource(source: string): { transport: string; name: string } {
  const colon = source.indexOf(':');
  const transport = source.slice(0, colon);
  if (transports.includes(transport)) return { transport, name: source.slice(colon + 1) };
  throw new CodedError('IMPORT_SOURCE', `${JSON.stringify(source)} is no source that can be imported`, {
    hint: 'use docker://NAME, containers-storage:NAME, oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or dir:DIR',
  });
}

const direct = ['oci', 'containers-storage'];
// Others are left to skopeo.
const transports = [...direct, 'docker', 'oci-archive', 'docker-archive', 'dir'];

/**
 * Opens an image (containers-transports(5)): `oci:DIR[:TAG]`, an OCI image layout, and `containers-storage:NAME`, what
 * podman has, are read where they lie; `docker://NAME`, `oci-archive:FILE[:TAG]`, `docker-archive:FILE[:NAME]` and
 * `dir:DIR` by skopeo. No layer is read yet.
 *
 * @throws CodedError `IMPORT_SOURCE`; what opening the source throws; the signal's reason.
 */
export async function openSource(source: string, options: SourceOptions): Promise<ImageSource> {
  const { transport, name } = splitSource(source);
  if (transport === 'oci') return openLayout(name);
  if (transport === 'containers-storage') return openStoredImage(name, options);
  const { openSkopeoImage } = await import('./skopeo-source.ts');
  return openSkopeoImage(source, options);
}
