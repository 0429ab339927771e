import type { Stored } from '../repository/layer-builder.ts';
import type { TransferChoices } from './transfer.ts';

/** Something that is being stored: not the promise itself, since what was taken over need not be waited for. */
export interface Storing {
  result: Promise<Stored>;
}

/** A file of container storage whose content is wanted. */
export interface FileRequest {
  /** Where it may be, the nearest first. */
  folders: readonly string[];
  path: Uint8Array;
  sizeBytes: number;
  /** CRC-64 of the content. */
  checksum: Uint8Array | undefined;
}

/** Stores the objects of one layer, on threads. It is for one caller, who reads the layer from its beginning. */
export interface LayerStore {
  /** Takes a content; resolves when all of it came, long before it is stored. Waits while there is too much to do. */
  storeContent(sizeBytes: number, chunks: AsyncIterable<Uint8Array>): Promise<Storing>;
  /** Stores a file of container storage, as was decided for the first one. */
  storeFile(file: FileRequest, choices: TransferChoices): Promise<Storing>;
  /** Lets go of what was gathered. Call it when the layer ends. */
  flush(): void;
}
