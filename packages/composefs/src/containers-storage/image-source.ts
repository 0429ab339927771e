import type { LayerBuilder } from '../repository/layer-builder.ts';
import type { Repository } from '../repository/repository.ts';

/** A container image somewhere outside, ready to be imported. */
export interface ImageSource {
  /** The manifest and the configuration, bit for bit. */
  manifest: Buffer;
  config: Buffer;
  layers: LayerSource[];
  /** How many layers may be read at the same time; one where it is not said. */
  parallelLayers?: number;
  /** Lets go of what the source holds. */
  close?(): Promise<void>;
}

export interface LayerSource {
  /** `sha256:` digest of the uncompressed archive. */
  diffId: string;
  /** What `report` will add up to, about: compressed, if the source is. */
  sizeBytes: number;
  /** Hands the archive, split, to the builder; `report` is told of the bytes done. */
  read(
    repository: Repository,
    builder: LayerBuilder,
    options: { report: (bytes: number) => void; signal?: AbortSignal },
  ): Promise<void>;
}
