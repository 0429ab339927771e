import type { GcResult } from './collect.ts';

/** The result of a garbage collection in lines, each without a newline. */
export function formatGcResult(result: GcResult): string[] {
  const { system, repository, isDryRun } = result;
  const remove = isDryRun ? 'Would remove' : 'Removed';
  const images = repository?.imageLinks.length ?? 0;
  const streams = repository?.streamLinks.length ?? 0;
  return [
    ...(isDryRun ? ['Dry run (no files deleted)'] : []),
    ...system.warnings.map((warning) => `Warning: ${warning}`),
    ...system.removals.map(({ path, reason }) => `${remove} ${path}: ${reason}`),
    ...system.toAdd.map((tag) => `${isDryRun ? 'Would add' : 'Added'} tag ${tag.name}`),
    ...system.toRemove.map((tag) => `${remove} tag ${tag.name}: no deployment uses its image`),
    ...(result.containerImages ?? []).map((image) => `Removed image ${image} from the container storage of bootc`),
    `Objects: ${repository?.objects.length ?? 0} removed (${repository?.bytes ?? 0} bytes)`,
    ...(images + streams === 0 ? [] : [`Pruned symlinks: ${images} images, ${streams} streams`]),
  ];
}
