import { CodedError } from '@workbench/run';
import { detectEnvironment } from '../storage/environment.ts';
import { readBoundImages } from './bound-images.ts';
import { openContainerStorage } from './container-storage.ts';
import { filesBelow } from './image-files.ts';
import { listStoredImages } from './stored-images.ts';

/** One row of `bootc image list`. */
export interface ListedImage {
  /** `unified`: in the container storage of bootc. `logical`: bound by the running system. */
  image_type: 'unified' | 'logical';
  image: string;
}

/** What is listed, and how. */
export interface ListOptions {
  type: 'all' | 'logical' | 'host';
  format: 'table' | 'json';
}

/**
 * Prints the images that belong to this system: those in the container storage of bootc, which need no podman to be listed,
 * and those that the running system binds. In a container there are only the latter.
 *
 * @throws CodedError `LIST_IN_CONTAINER` for the images of the host there; what reading the files throws.
 */
export async function runListImages(options: ListOptions): Promise<void> {
  const isContainer = (await detectEnvironment('/')).kind === 'container';
  if (isContainer && options.type === 'host') {
    throw new CodedError('LIST_IN_CONTAINER', 'a container has no images of the host', { hint: 'use --type=logical' });
  }
  const physicalRoot = isContainer || options.type === 'logical' ? undefined : '/sysroot';
  const images = await listImages({ root: '/', physicalRoot, withLogical: options.type !== 'host' });
  process.stdout.write(options.format === 'json' ? `${JSON.stringify(images, null, 2)}\n` : formatTable(images));
}

/** The images of a system. @throws as {@link runListImages}. */
export async function listImages(from: {
  root: string;
  /** Undefined leaves out the container storage. */
  physicalRoot: string | undefined;
  withLogical: boolean;
}): Promise<ListedImage[]> {
  const storage = from.physicalRoot === undefined ? undefined : openContainerStorage(from.physicalRoot);
  const stored = storage === undefined ? [] : await listStoredImages(storage.path);
  const bound = from.withLogical ? await readBoundImages(filesBelow(from.root)) : [];
  return [
    ...stored.flatMap(({ names }) => names.map((image) => ({ image_type: 'unified' as const, image }))),
    ...bound.map(({ image }) => ({ image_type: 'logical' as const, image })),
  ];
}

/** The table for people. */
export function formatTable(images: readonly ListedImage[]): string {
  const heading = 'REPOSITORY';
  const width = Math.max(heading.length, ...images.map(({ image }) => image.length));
  const lines = [
    `${heading.padEnd(width)}  TYPE`,
    ...images.map((row) => `${row.image.padEnd(width)}  ${row.image_type}`),
  ];
  return `${lines.join('\n')}\n`;
}
