/**
 * composefs: OS images as EROFS metadata over a shared store of objects that are named by their fs-verity digest.
 * This is all that other packages may use.
 */
import type { Directory, Leaf, Node } from './tree/tree.ts';

export {
  type ByteString,
  type Directory,
  emptyDirectory,
  type FileContent,
  type Leaf,
  type Metadata,
  type Node,
} from './tree/tree.ts';

export type ErofsFormat = 0 | 1 | 2;
export type HashAlgorithm = 'sha256' | 'sha512';

export interface ErofsFormats {
  default: ErofsFormat;
  extra: ErofsFormat[];
}

export interface Repository extends AsyncDisposable {
  readonly path: string;
  readonly algorithm: HashAlgorithm;
  readonly isSecure: boolean;
  readonly erofsFormats: ErofsFormats;
}

export interface InitOptions {
  algorithm: HashAlgorithm;
  verity: 'require' | 'if-supported';
  erofsFormats: { default: ErofsFormat; extra?: ErofsFormat[] };
}

export interface ImportProgress {
  phase: 'layers' | 'images';
  bytesDone: number;
  bytesTotal: number;
  layersDone: number;
  layersTotal: number;
}

export interface ImportCounters {
  hardlinked: number;
  reflinked: number;
  copied: number;
  present: number;
  inlinedBytes: number;
  storedBytes: number;
}

export interface ImportOptions {
  tag?: string;
  bootable: boolean;
  storageRoots?: string[];
  onProgress?(progress: ImportProgress): void;
  signal?: AbortSignal;
}

export interface ImportResult {
  manifestDigest: string;
  configDigest: string;
  imageIds: Map<ErofsFormat, string>;
  bootImageIds: Map<ErofsFormat, string>;
  counters: ImportCounters;
}

export interface OciDescriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string> | undefined;
}

export interface OciManifest {
  schemaVersion: number;
  mediaType?: string | undefined;
  config: OciDescriptor;
  layers: OciDescriptor[];
  annotations?: Record<string, string> | undefined;
}

export interface OciConfig {
  created?: string | undefined;
  architecture: string;
  os: string;
  config?: { Labels?: Record<string, string> | null | undefined; Env?: string[] | null | undefined } | undefined;
  rootfs: { type: string; diff_ids: string[] };
}

export interface ImageMetadata {
  manifest: OciManifest;
  config: OciConfig;
  manifestBytes: Uint8Array;
  configDigest: string;
}

/** What a garbage collection removes, as a value that can be printed before anything is touched. */
export interface GcPlan {
  objects: { digest: string; sizeBytes: number }[];
  bytes: number;
  /** Paths below the repository of links that point nowhere once the objects are gone. */
  imageLinks: string[];
  streamLinks: string[];
  roots: { name: string; kind: 'image' | 'stream'; reason: string }[];
}

export interface FsckReport {
  ok: boolean;
  hasMetadata: boolean;
  objectsChecked: number;
  objectsCorrupted: number;
  streamsChecked: number;
  streamsCorrupted: number;
  imagesChecked: number;
  imagesCorrupted: number;
  brokenLinks: number;
  missingObjects: number;
  errors: string[];
}

function notYet(): never {
  throw new Error('not implemented');
}

export async function initRepository(_path: string, _options: InitOptions): Promise<Repository> {
  return notYet();
}
export async function openRepository(_path: string): Promise<Repository> {
  return notYet();
}
export async function importImage(
  _repository: Repository,
  _source: string,
  _options: ImportOptions,
): Promise<ImportResult> {
  return notYet();
}
export async function readImageMetadata(_repository: Repository, _manifestDigest: string): Promise<ImageMetadata> {
  return notYet();
}
export async function buildImageTree(_repository: Repository, _manifestDigest: string): Promise<Directory> {
  return notYet();
}
export function findNode(_root: Directory, _path: string): Node | undefined {
  return notYet();
}
export async function readFileNode(_repository: Repository, _leaf: Leaf): Promise<Buffer> {
  return notYet();
}
export async function listTags(_repository: Repository): Promise<Map<string, string>> {
  return notYet();
}
export async function tagImage(_repository: Repository, _name: string, _manifestDigest: string): Promise<void> {
  return notYet();
}
export async function untagImage(_repository: Repository, _name: string): Promise<void> {
  return notYet();
}
export async function planGarbageCollection(
  _repository: Repository,
  _options: { additionalRoots: string[] },
): Promise<GcPlan> {
  return notYet();
}
export async function collectGarbage(_repository: Repository, _options: { additionalRoots: string[] }): Promise<GcPlan> {
  return notYet();
}
export async function checkRepository(
  _repository: Repository,
  _options?: { metadataOnly?: boolean },
): Promise<FsckReport> {
  return notYet();
}
export async function mountImage(
  _repository: Repository,
  _imageId: string,
  _mountPoint: string,
  _options: { verity: 'require' | 'if-supported' },
): Promise<AsyncDisposable> {
  return notYet();
}
export async function cfsMain(_argv: string[], _options?: { defaultRepository?: string }): Promise<number> {
  return notYet();
}
/** Replaces or creates a file with the given content, never leaving half of it. */
export async function replaceFile(
  _directory: string,
  _name: string,
  _content: string | Uint8Array,
  _options?: { mode?: number },
): Promise<void> {
  return notYet();
}
/** Makes everything below a directory, and the directory, survive a power loss. */
export async function syncTree(_directory: string): Promise<void> {
  return notYet();
}
/** Swaps two entries of one directory in a single step, then syncs the directory. */
export async function exchange(_directory: string, _first: string, _second: string): Promise<void> {
  return notYet();
}
/** Renames within one directory; fails with `EXIST` when the new name is taken. */
export async function renameNoReplace(_directory: string, _from: string, _to: string): Promise<void> {
  return notYet();
}
export async function removeTree(_path: string): Promise<void> {
  return notYet();
}
export async function removeFile(_path: string): Promise<void> {
  return notYet();
}
export async function syncFilesystem(_path: string): Promise<void> {
  return notYet();
}
