import { join } from 'node:path';
import {
  type ImportProgress,
  type ImportResult,
  listMissingLayers,
  type Repository,
  type SourceInspection,
  tagImage,
} from '@workbench/composefs';
import { configurationArchitecture } from '../boot/architecture.ts';
import { arrangeEntries } from '../boot/deployment-entries.ts';
import { readEtcMode } from '../boot/etc-mode.ts';
import { kernelArgumentsOfFiles, readKargsFiles } from '../boot/kargs-d.ts';
import { withOwnersOf } from '../boot/owned-options.ts';
import { deploymentTag } from '../deployment/deployment-tag.ts';
import { displayReference, formatOriginReference, type OriginReference } from '../deployment/image-reference.ts';
import { readImageEtc } from '../etc-merge/read-etc.ts';
import { collectSystemGarbage } from '../gc/collect.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { deploymentRoles } from '../storage/deployment-roles.ts';
import { discardStaged } from '../storage/discard-staged.ts';
import { writeFinalizeRecord } from '../storage/finalize-record.ts';
import { readOptionalText } from '../storage/optional-file.ts';
import { writeStagedEntries } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { writeStagedRecord } from '../storage/staged-record.ts';
import { importWantedImage } from '../unified/import-wanted.ts';
import { readBoundImagesOf } from '../unified/prune-storage.ts';
import { storeBoundImages } from '../unified/store-bound-images.ts';
import { foreseenBootBytes, reclaimableBootBytes } from './boot-space.ts';
import { bootedEntry } from './booted-entry.ts';
import { bootedKernelArguments } from './carried-kernel-arguments.ts';
import { existingDeployments, findDeploymentOfImage, sameContentError } from './existing-deployment.ts';
import { assertFreeSpace, freeBytes } from './free-space.ts';
import { assertEtcMerges } from './merge-etc.ts';
import { cancelSoftReboot, type NextRootPlace } from './soft-reboot.ts';
import { writeDeploymentState } from './stage-state.ts';
import { prepareStagedBoot, type StagedBoot } from './staged-boot.ts';

/** What is to be staged. */
export interface StageRequest {
  /** Recorded as what the deployment follows. */
  target: OriginReference;
  /** What was found when the image was looked at. */
  inspection: SourceInspection;
  /** Do not finalize it at shutdown. */
  isLocked: boolean;
  /** Has the staged deployment finalized when the system goes down. */
  startFinalizer(): Promise<void>;
  /** Bring it by way of container storage, also when the system has not done so before. */
  isUnifiedRequested?: boolean;
  /** Where a soft reboot may have been prepared; default: in the running system. */
  nextRootPlace?: NextRootPlace;
  print(line: string): void;
  onImport?(progress: ImportProgress): void;
  warn(line: string): void;
  signal?: AbortSignal;
}

/** What was staged. */
export interface StagedImage {
  deploymentId: string;
  manifestDigest: string;
}

/** What is not in the layers: block rounding and Merkle trees of the objects, EROFS images, the copy of /etc. */
const overhead = { factor: 1.06, bytes: 16 * 1024 * 1024 };

/**
 * Stages an image: imports it, and makes of it a deployment that becomes the default when the system goes down. What was staged
 * before is replaced, and a soft reboot that was prepared is taken back.
 *
 * After it resolves, everything is on disk, and the record in /run says that it is staged. If it throws or is stopped, nothing
 * is staged or what was staged before is; the boot entries are as they were, so the booted deployment boots next; what is left over
 * is removed by the garbage collector, and does not keep the next attempt from working. The order: objects and tag; state; kernel;
 * staged entries; record; and only then garbage collection.
 *
 * @throws CodedError `SAME_CONTENT`, `INSUFFICIENT_SPACE`, `ETC_MERGE_CONFLICT`, `BOOTED_ENTRY_MISSING`; what importing and
 * prepareStagedBoot throw.
 */
export async function stageImage(storage: BootedStorage, request: StageRequest): Promise<StagedImage> {
  const repository = await storage.openRepository();
  const model = await buildRootModel(storage);
  const { target, inspection } = request;
  const known = findDeploymentOfImage(model, inspection);
  if (known !== undefined) throw sameContentError(target.image, known);
  const fallback = bootedEntry(model);
  const missing = listMissingLayers(repository, inspection.layers);
  const layersBytes = missing.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  await assertFreeSpace(
    {
      path: storage.physicalRoot,
      name: '/sysroot',
      neededBytes: Math.ceil(layersBytes * overhead.factor) + overhead.bytes,
      image: target.image,
    },
    () => reclaim(storage, request),
  );
  const bootSpace = { path: storage.boot.bootDirectory, name: 'the boot partition', image: target.image };
  const reclaimableBytes = await reclaimableBootBytes(model);
  const foreseen = await foreseenBootBytes(inspection.folders, model, await freeBytes(bootSpace.path));
  await assertFreeSpace({ ...bootSpace, neededBytes: foreseen ?? 0, reclaimableBytes });
  await request.startFinalizer();

  const { root, physicalRoot } = storage;
  const { staged, booted } = deploymentRoles(model);
  const image = await importWantedImage(repository, {
    ...request,
    root,
    physicalRoot,
    reference: target,
    current: (staged ?? booted).reference,
    isUnifiedRequested: request.isUnifiedRequested === true,
    layers: inspection.manifest.layers,
  });
  let boot: StagedBoot;
  try {
    boot = await prepareBoot(storage, repository, { model, image, request });
    const { deploymentId } = boot;
    const same = existingDeployments(model).find(({ deployment }) => deployment.id === deploymentId);
    if (same !== undefined) throw sameContentError(target.image, same);
    await assertEtcMerges(storage, deploymentId);
    await assertFreeSpace({ ...bootSpace, neededBytes: boot.neededBytes, reclaimableBytes });
    const images = await readBoundImagesOf(repository, deploymentId);
    await storeBoundImages({ ...request, root, physicalRoot, images, from: 'registry' });
  } catch (error) {
    // The image is not used, so nothing of it stays.
    // Whoever was stopped does not wait long for others.
    const signal = request.signal?.aborted === true ? AbortSignal.timeout(stoppedWaitMs) : request.signal;
    await reclaim(storage, { ...request, signal }).catch(() => undefined);
    throw error;
  }
  request.signal?.throwIfAborted();

  const { deploymentId } = boot;
  const { bootloader, bootDirectory } = storage.boot;
  await tagImage(repository, deploymentTag(image.manifestDigest), image.manifestDigest);
  await cancelSoftReboot(storage, { place: request.nextRootPlace });
  await discardStaged(storage);
  await assertFreeSpace(
    { ...bootSpace, neededBytes: boot.neededBytes },
    // No more than that: nothing leads to the new image yet.
    () => reclaim(storage, request, { onlyBootFiles: true }),
  );
  await writeDeploymentState(repository, {
    physicalRootPath: storage.physicalRoot,
    deploymentId,
    etc: readImageEtc(repository, deploymentId),
    etcMode: await readEtcMode(repository, deploymentId),
    origin: {
      imageReference: formatOriginReference(target),
      bootType: boot.bootType,
      bootDigest: boot.bootDigest,
      manifestDigest: image.manifestDigest,
    },
  });
  await boot.write();
  // The kernel arguments are those of the booted deployment, so whose they are is known, too.
  const entries = [withOwnersOf(boot.entry, fallback), fallback];
  await writeStagedEntries(bootDirectory, arrangeEntries(entries, { osId: boot.osId, bootloader }));
  await writeStagedRecord(storage.root, { deploymentId, isFinalizationLocked: request.isLocked });
  // From here on the caller is told that it is staged, so what becomes of it has to be told after the next boot too.
  if (!request.isLocked) {
    await writeFinalizeRecord(storage, { deploymentId, image: displayReference(target), state: 'staged' });
  }
  await reclaim(storage, request).catch((error: Error) => {
    request.warn(`the deployment is staged, but garbage could not be collected: ${error.message}`);
  });
  return { deploymentId, manifestDigest: image.manifestDigest };
}

const stoppedWaitMs = 5000;

async function reclaim(
  storage: BootedStorage,
  { warn, signal }: { warn(line: string): void; signal?: AbortSignal | undefined },
  { onlyBootFiles } = { onlyBootFiles: false },
): Promise<void> {
  await collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles, onWait: warn, signal });
}

async function prepareBoot(
  storage: BootedStorage,
  repository: Repository,
  { model, image, request }: { model: RootModel; image: ImportResult; request: StageRequest },
): Promise<StagedBoot> {
  const files = await readKargsFiles(storage.root);
  return prepareStagedBoot(repository, {
    model,
    image,
    imageName: request.target.image,
    booted: bootedKernelArguments(model, {
      commandLine: (await readOptionalText(join(storage.root, 'proc/cmdline'))) ?? '',
      imageArguments: kernelArgumentsOfFiles(files, configurationArchitecture()),
    }),
    warn: request.warn,
  });
}
