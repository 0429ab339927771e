import { join } from 'node:path';
import { physicalRoot } from '../deployment/state-paths.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { openContainerStorage } from '../unified/container-storage.ts';

/** How much of the repository's content container storage has as well, as measured on the disk. */
export interface StorageSharing {
  bytes: number;
  sharedBytes: number;
  /** What shares it, the more important one first. */
  ways: readonly ('reflink' | 'hard link')[];
}

/** Measures the sharing; undefined on a system without container storage of bootc, where there is nothing to share with. */
export async function measureStorageSharing(
  storage: Pick<BootedStorage, 'physicalRoot'>,
): Promise<StorageSharing | undefined> {
  if (openContainerStorage(storage.physicalRoot) === undefined) return undefined;
  const { measureSharing } = await import('@workbench/composefs');
  const { bytes, hardlinkedBytes, reflinkedBytes } = measureSharing(
    join(storage.physicalRoot, physicalRoot.repository),
  );
  const ways = [
    { way: 'reflink' as const, share: reflinkedBytes },
    { way: 'hard link' as const, share: hardlinkedBytes },
  ].filter(({ share }) => share > 0);
  return {
    bytes,
    sharedBytes: hardlinkedBytes + reflinkedBytes,
    ways: ways.toSorted((a, b) => b.share - a.share).map(({ way }) => way),
  };
}

/** The sharing as one line of status. */
export function formatStorageSharing({ bytes, sharedBytes, ways }: StorageSharing): string {
  const percent = bytes === 0 ? 0 : Math.round((100 * sharedBytes) / bytes);
  const how = ways.length === 0 ? '' : ` by ${ways.join(' and ')}`;
  return `Container storage: ${percent} % of ${Math.round(bytes / 1e6)} MB of objects shared${how}`;
}
