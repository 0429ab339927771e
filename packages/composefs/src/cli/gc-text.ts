import type { GcPlan } from '../repository/garbage-collection.ts';

/** The lines of a garbage collection, as `cfsctl gc` words them. */
export function formatGc(plan: GcPlan, isDryRun: boolean): string {
  const { objects, bytes, imageLinks, streamLinks } = plan;
  const lines = [`Objects: ${objects.length} removed (${bytes} bytes)`];
  if (isDryRun) lines.unshift('Dry run (no files deleted):');
  if (imageLinks.length + streamLinks.length > 0) {
    lines.push(`Pruned symlinks: ${imageLinks.length} images, ${streamLinks.length} streams`);
  }
  return lines.join('\n');
}

/** What is kept and why, and what is removed, one line each. */
export function formatGcDetails(plan: GcPlan): string {
  const lines = [
    `Kept: ${plan.keptObjects} objects${plan.keptBytes === undefined ? '' : ` (${plan.keptBytes} bytes)`}`,
  ];
  for (const { folder, name, reason } of plan.roots) lines.push(`  keep ${folder}/${name}: ${reason}`);
  for (const link of [...plan.imageLinks, ...plan.streamLinks]) lines.push(`  remove ${link}`);
  for (const { digest, sizeBytes } of plan.objects) lines.push(`  remove object ${digest} (${sizeBytes} bytes)`);
  for (const leftover of plan.leftovers) lines.push(`  remove ${leftover}, left by a stopped program`);
  return lines.join('\n');
}

/** A garbage collection as JSON. */
export function gcJson(plan: GcPlan, isDryRun: boolean): Record<string, unknown> {
  return {
    dry_run: isDryRun,
    objects_removed: plan.objects.length,
    objects_bytes: plan.bytes,
    images_pruned: plan.imageLinks.length,
    streams_pruned: plan.streamLinks.length,
    objects_kept: plan.keptObjects,
    kept_bytes: plan.keptBytes,
    kept: plan.roots.map(({ folder, name, digest, reason }) => ({ folder, name, digest, reason })),
    removed: {
      objects: plan.objects.map(({ digest, sizeBytes }) => ({ digest, bytes: sizeBytes })),
      links: [...plan.imageLinks, ...plan.streamLinks],
      leftovers: plan.leftovers,
    },
  };
}
