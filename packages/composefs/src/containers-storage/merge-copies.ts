import { closeSync } from 'node:fs';
import { CodedError } from '@workbench/run';
import { syncFilesystem } from '../durable/sync.ts';
import { countMerged, type ImportCounters } from '../repository/layer-builder.ts';
import { isMergeableByLink, mergeByLink } from '../repository/merge-object.ts';
import type { Repository } from '../repository/repository.ts';
import { type LayerFile, openLayerFile } from './layer-files.ts';
import type { FileRequest } from './layer-store.ts';

/** A file of a layer that has the content of an object, is sealed as that is, and takes the same room once more. */
export interface LinkableCopy {
  file: FileRequest;
  digest: string;
}

/**
 * Makes objects further names of the files of layers that have their content. What was removed or changed meanwhile is left
 * as it is. After it resolves, that is on disk; if it throws or power is lost, every object is the one file or the other, both
 * of which were on disk before.
 */
export async function mergeLinkableCopies(
  repository: Repository,
  copies: readonly LinkableCopy[],
  counters: ImportCounters,
): Promise<void> {
  if (copies.length === 0) return;
  // Deployments depend on these objects now: what takes their place has to be on disk first, its seal included.
  await syncFilesystem(repository.path);
  for (const { file, digest } of copies) {
    const opened = openIfThere(file);
    if (opened === undefined) continue;
    const copy = { fd: opened.fd, sizeBytes: file.sizeBytes, digest };
    try {
      const isMerged = isMergeableByLink(repository, copy) && mergeByLink(repository, copy);
      if (isMerged) countMerged(counters, file.sizeBytes);
    } finally {
      closeSync(opened.fd);
    }
  }
  await syncFilesystem(repository.path);
}

function openIfThere({ folders, path, sizeBytes }: FileRequest): LayerFile | undefined {
  try {
    return openLayerFile(folders, path, sizeBytes);
  } catch (error) {
    if (error instanceof CodedError) return undefined;
    throw error;
  }
}
