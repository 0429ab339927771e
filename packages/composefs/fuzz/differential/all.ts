import type { Comparison } from './comparison.ts';
import { dumpfiles } from './dumpfiles.ts';
import { folders } from './folders.ts';
import { images } from './images.ts';
import { repositories } from './repositories.ts';

/** Everything that ours and the real tool are given alike. */
export const comparisons = {
  'cfsctl-dumpfiles': dumpfiles,
  'cfsctl-folders': folders,
  'cfsctl-images': images,
  'cfsctl-repositories': repositories,
} as const satisfies Record<string, Comparison>;

export type ComparisonName = keyof typeof comparisons;

export const comparisonNames = Object.keys(comparisons) as ComparisonName[];
