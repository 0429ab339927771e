import type { ImportCounters } from '@workbench/composefs';

/**
 * One line that says how the content of an image got from container storage into the repository: which way was taken, and
 * what took room of its own all the same. Undefined when the image has no objects.
 */
export function summarizeTransfer(counters: ImportCounters): string | undefined {
  const ways = [
    { way: 'shared by reflink', count: counters.reflinked, bytes: counters.reflinkedBytes },
    { way: 'shared by hard link', count: counters.hardlinked, bytes: counters.hardlinkedBytes },
    {
      way: 'copied',
      count: counters.copied,
      bytes: counters.storedBytes - counters.reflinkedBytes - counters.hardlinkedBytes,
    },
  ];
  const told = ways
    .filter(({ count }) => count > 0)
    .map(({ way, count, bytes }) => `${count} objects ${way} (${megabytes(bytes)})`);
  if (told.length === 0) {
    return counters.present === 0
      ? undefined
      : `Container storage: nothing new, ${counters.present} objects there already`;
  }
  return `Container storage: ${told.join(', ')}, ${counters.present} there already`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
