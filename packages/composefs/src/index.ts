/**
 * composefs: OS images as EROFS metadata over a shared store of objects that are named by their fs-verity digest. This
 * is all that other packages may use, beside the command line `@workbench/composefs/cli`.
 */
export type { TransferMethod } from './containers-storage/transfer.ts';
export { writeDumpfile } from './dumpfile/write-dumpfile.ts';
export { makeDirectory } from './durable/make-directory.ts';
export {
  type PlacedAttributes,
  type PlacedContent,
  placeDirectory,
  placeFile,
  placeSymlink,
} from './durable/place-node.ts';
export { removeFile, removeTree, removeUnsynced } from './durable/remove.ts';
export { exchange, renameNoReplace, replaceFile, replaceSymlink } from './durable/replace.ts';
export { type Mutation, type MutationObserver, observeMutations } from './durable/seam.ts';
export { syncDirectory, syncFilesystem, syncTree } from './durable/sync.ts';
export { formatAlgorithm, type HashAlgorithm, parseAlgorithm, parseDigest } from './fsverity/algorithm.ts';
export { computeFileVerity } from './fsverity/digest.ts';
export { type Measurement, measureFile, type SealOutcome, sealFile } from './fsverity/seal.ts';
export { mountImage } from './mount/mount-image.ts';
export { buildBootTree } from './oci/boot-tree.ts';
export { buildImages } from './oci/build-images.ts';
export { checkImages, type ImageCheck } from './oci/check-images.ts';
export { exportLayout } from './oci/export-layout.ts';
export { type ImageMetadata, readImageMetadata } from './oci/image-metadata.ts';
export { imagesOf } from './oci/image-references.ts';
export { buildImageTree, readFileNode } from './oci/image-tree.ts';
export { type ImportOptions, type ImportResult, importImage } from './oci/import-image.ts';
export type { ImportProgress } from './oci/import-layers.ts';
export { inspectSource, type SourceInspection } from './oci/inspect-source.ts';
export type { OciConfig, OciDescriptor, OciManifest } from './oci/manifest.ts';
export { type MergedImage, type MergeOptions, mergeStoredImage } from './oci/merge-stored-image.ts';
export { listMissingLayers } from './oci/missing-layers.ts';
export { streamName } from './oci/names.ts';
export type { SourceOptions } from './oci/open-source.ts';
export { listTags, resolveImage, tagImage, untagImage } from './oci/tags.ts';
export { type ImageUpgrade, upgradeImages } from './oci/upgrade-images.ts';
export type { FsckReport } from './repository/check.ts';
export {
  collectGarbage,
  type GcOptions,
  type GcPlan,
  planGarbageCollection,
} from './repository/garbage-collection.ts';
export { computeImageId, findImage, readImageTree } from './repository/images.ts';
export { type InitOptions, initRepository } from './repository/init-repository.ts';
export type { ImportCounters } from './repository/layer-builder.ts';
export type { GcRoot } from './repository/live-set.ts';
export type { LockWait } from './repository/lock.ts';
export { measureSharing, type SharingMeasure } from './repository/measure-sharing.ts';
export type { ErofsFormat, ErofsFormats } from './repository/metadata.ts';
export { readImagePart } from './repository/read-part.ts';
export { type OpenOptions, openRepository, type Repository } from './repository/repository.ts';
export { inheritDescriptor } from './syscalls/descriptors.ts';
export { isSystemError } from './syscalls/libc.ts';
export { type LockKind, lock, tryLock } from './syscalls/locks.ts';
export { checkRepository } from './threads/check-repository.ts';
export { readBootTree } from './threads/read-boot-tree.ts';
export { textOf } from './tree/byte-string.ts';
export { findNode } from './tree/find-node.ts';
export { scanDirectory } from './tree/scan-directory.ts';
export {
  type ByteString,
  type Directory,
  emptyDirectory,
  type FileContent,
  type Leaf,
  type Metadata,
  type Node,
} from './tree/tree.ts';
export { walkTree } from './tree/walk.ts';
