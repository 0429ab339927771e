import { dumpfile } from './dumpfile.ts';
import { erofs } from './erofs.ts';
import { metadata, ociJson } from './json.ts';
import { splitStream } from './split-stream.ts';
import { tar } from './tar.ts';
import { tarSplit } from './tar-split.ts';
import type { FuzzTarget } from './target.ts';

/** Every parser of what comes from outside. */
export const targets = {
  erofs,
  dumpfile,
  tar,
  'tar-split': tarSplit,
  'split-stream': splitStream,
  metadata,
  'oci-json': ociJson,
} as const satisfies Record<string, FuzzTarget>;

export type TargetName = keyof typeof targets;

export const targetNames = Object.keys(targets) as TargetName[];
