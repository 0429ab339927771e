import type { OciManifest } from '@workbench/composefs';
import { formatBytes } from './free-space.ts';

/** How the layers of a new image differ from those of the present one, in three lines: their number and size, as they are stored. */
export function formatManifestDifference(current: OciManifest | undefined, next: OciManifest): string[] {
  const before = current?.layers ?? [];
  const isIn = (layers: OciManifest['layers']) => {
    const digests = new Set(layers.map(({ digest }) => digest));
    return ({ digest }: OciManifest['layers'][number]): boolean => digests.has(digest);
  };
  const isOld = isIn(before);
  const isNew = isIn(next.layers);
  const line = (title: string, layers: OciManifest['layers']): string => {
    const size = layers.reduce((sum, layer) => sum + layer.size, 0);
    return `${title.padEnd(17)} ${String(layers.length).padEnd(4)} Size: ${formatBytes(size)}`;
  };
  return [
    line('Total new layers:', next.layers),
    line(
      'Removed layers:',
      before.filter((layer) => !isNew(layer)),
    ),
    line(
      'Added layers:',
      next.layers.filter((layer) => !isOld(layer)),
    ),
  ];
}
