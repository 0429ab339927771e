import type { ImportCounters, LayerBuilder } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';
import type { LayerStore } from './layer-store.ts';
import type { TransferMethod } from './transfer.ts';

/** A container image somewhere outside, ready to be imported. */
export interface ImageSource {
  /** The manifest and the configuration, bit for bit. */
  manifest: Buffer;
  config: Buffer;
  layers: LayerSource[];
  /** How many layers may be read at the same time; one where it is not said. */
  parallelLayers?: number;
  /** How content came into the repository; undefined while nothing did, and where it always is copied. */
  transferMethod?(): TransferMethod | undefined;
  /**
   * Makes one file of each object and the copy of it that was met while layers were read, where nothing but a link shares.
   * Objects change names for that, so it is for the end. If it throws or power is lost, every object is whole all the same.
   */
  mergeLinkable?(repository: Repository, counters: ImportCounters): Promise<void>;
  /** Lets go of what the source holds. */
  close?(): Promise<void>;
}

export interface LayerSource {
  /** `sha256:` digest of the uncompressed archive; of a layer of an artifact, of its blob. */
  diffId: string;
  /** What its stream holds, if it is no archive. */
  contentType?: string;
  /** Tells this copy of the layer in container storage from all that were or will be there. */
  storageKey?: string;
  /** What `report` will add up to, about: compressed, if the source is. */
  sizeBytes: number;
  /** Hands the archive, split, or the blob to the builder; `report` is told of the bytes done. Objects go to `store`, if given. */
  read(
    repository: Repository,
    builder: LayerBuilder,
    options: { report: (bytes: number) => void; signal?: AbortSignal; store?: LayerStore },
  ): Promise<void>;
}
