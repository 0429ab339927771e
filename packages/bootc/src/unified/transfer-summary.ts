import type { ImportCounters, TransferMethod } from '@workbench/composefs';

/**
 * One line that says how the content of an image got from container storage into the repository: which way was taken, what
 * took room of its own all the same, and what no longer does. Undefined when the image has no objects.
 *
 * @param merge counters of the layers that the repository had before.
 */
export function summarizeTransfer(counters: ImportCounters, merge?: ImportCounters): string | undefined {
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
  const present = counters.present + (merge?.present ?? 0);
  if (told.length === 0 && present === 0) return undefined;
  const merged = counters.merged + (merge?.merged ?? 0);
  const mergedBytes = counters.mergedBytes + (merge?.mergedBytes ?? 0);
  return [
    `Container storage: ${told.length === 0 ? 'nothing new' : told.join(', ')}`,
    `${present}${told.length === 0 ? ' objects' : ''} there already`,
    ...(merged === 0 ? [] : [`${merged} of them shared from now on (${megabytes(mergedBytes)})`]),
  ].join(', ');
}

/** One line that says what container storage shares with the repository from now on, by which way. */
export function summarizeMerge({ merged, mergedBytes }: ImportCounters, method: TransferMethod | undefined): string {
  if (merged === 0) return 'Container storage: nothing more to share with the repository';
  return `Container storage: ${merged} objects shared by ${method} (${megabytes(mergedBytes)})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
