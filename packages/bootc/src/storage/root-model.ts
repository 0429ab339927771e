import { join } from 'node:path';
import type { CachedUpdate } from '../deployment/cached-update.ts';
import type { FinalizeRecord } from '../deployment/finalize-record.ts';
import { type OriginReference, parseOriginReference } from '../deployment/image-reference.ts';
import { type Origin, parseOrigin } from '../deployment/origin.ts';
import { parseStagedDeployment, type StagedDeployment } from '../deployment/staged-deployment.ts';
import { deploymentPaths, isDeploymentId, physicalRoot, stagedRecord } from '../deployment/state-paths.ts';
import { type BootArtifact, scanBootArtifacts } from './boot-artifacts.ts';
import { type BootEntryRecord, type BootLocation, scanBootEntries, type UnmanagedEntry } from './boot-entries.ts';
import { readCachedUpdate } from './cached-update.ts';
import { type DeploymentImage, readDeploymentImage } from './deployment-image.ts';
import type { BootedHost } from './environment.ts';
import type { ImageStore } from './image-store.ts';
import { listOptionalDirectory, readOptionalText } from './optional-file.ts';
import { readLastFinalize } from './read-finalize-record.ts';

/** Everything the root model is made from. */
export interface RootModelSource {
  /** `/`, or a folder that stands in for it. */
  root: string;
  /** The physical root: `/sysroot` of it. */
  physicalRoot: string;
  host: BootedHost;
  boot: BootLocation;
  images: ImageStore;
  /** What could not be opened, so that it is missing from all the rest. */
  problems?: readonly string[];
}

/** One deployment: what boots it, and what it is made from. */
export interface DeploymentRecord {
  id: string;
  /** Entries that boot it: active ones in menu order, then staged ones. */
  entries: readonly BootEntryRecord[];
  /** Whether it has a folder in `state/deploy`. */
  hasState: boolean;
  origin?: Origin;
  reference?: OriginReference;
  image?: DeploymentImage;
  /** What could not be read, one line each. */
  problems: readonly string[];
}

/**
 * What is alive on a system and why: boot entry → deployment → origin → manifest and configuration → objects. Status,
 * garbage collection and fsck all go by this one value, so that they cannot disagree.
 */
export interface RootModel {
  host: BootedHost;
  boot: BootLocation;
  entries: readonly BootEntryRecord[];
  unmanaged: readonly UnmanagedEntry[];
  artifacts: readonly BootArtifact[];
  /** Every id that an entry, a state folder or the staged record names, in this order. */
  deployments: ReadonlyMap<string, DeploymentRecord>;
  staged?: StagedDeployment;
  /** What became of a staged deployment that was not finalized. */
  lastFinalize?: FinalizeRecord;
  /** What the last look for an update found, since the system was booted. */
  cachedUpdate?: CachedUpdate;
  /** What could not be read and belongs to no single deployment. */
  problems: readonly string[];
}

/** Computes the root model. Whatever cannot be read is told in it; only a folder that cannot be listed rejects. */
export async function buildRootModel(source: RootModelSource): Promise<RootModel> {
  const problems = [...(source.problems ?? [])];
  const [{ managed, unmanaged }, artifacts, staged] = await Promise.all([
    scanBootEntries(source.boot),
    scanBootArtifacts(source.boot),
    readStagedRecord(source.root, problems),
  ]);
  const stateNames = await listOptionalDirectory(join(source.physicalRoot, physicalRoot.deployments));
  const stateIds = stateNames.filter(isDeploymentId);
  const ids = new Set([
    ...managed.map((entry) => entry.deploymentId),
    ...stateIds,
    ...(staged === undefined ? [] : [staged.deploymentId]),
  ]);
  const isActive = (id: string): boolean =>
    id === source.host.deploymentId || managed.some((entry) => entry.set === 'active' && entry.deploymentId === id);
  const cachedUpdate = await readCachedUpdate(source.root);
  const lastFinalize = await readLastFinalize(source, isActive);
  const records = await Promise.all(
    [...ids].map((id) =>
      readDeployment(source, {
        id,
        entries: managed.filter((entry) => entry.deploymentId === id),
        hasState: stateIds.includes(id),
      }),
    ),
  );
  return {
    host: source.host,
    boot: source.boot,
    entries: managed,
    unmanaged,
    artifacts,
    deployments: new Map(records.map((record) => [record.id, record])),
    ...(staged === undefined ? {} : { staged }),
    ...(lastFinalize === undefined ? {} : { lastFinalize }),
    ...(cachedUpdate === undefined ? {} : { cachedUpdate }),
    problems,
  };
}

async function readStagedRecord(root: string, problems: string[]): Promise<StagedDeployment | undefined> {
  try {
    const text = await readOptionalText(join(root, stagedRecord.directory, stagedRecord.name));
    return text === undefined ? undefined : parseStagedDeployment(text);
  } catch (error) {
    problems.push(messageOf(error));
    return undefined;
  }
}

async function readDeployment(
  source: RootModelSource,
  known: { id: string; entries: readonly BootEntryRecord[]; hasState: boolean },
): Promise<DeploymentRecord> {
  const paths = deploymentPaths(source.physicalRoot, known.id);
  const problems = known.entries.flatMap((entry) =>
    entry.missingFiles.map((path) => `boot entry ${entry.fileName} names ${path}, which is not there`),
  );
  const attempt = async <T>(read: () => T | Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      problems.push(messageOf(error));
      return undefined;
    }
  };
  const text = await attempt(() => readOptionalText(paths.origin));
  if (text === undefined) return { ...known, problems: [...problems, originMissing(known.id)] };
  const origin = parseOrigin(text);
  if (origin.bootType !== 'bls' && origin.bootType !== 'uki') {
    problems.push(`${paths.originName} has boot_type ${origin.bootType ?? 'missing'}`);
  }
  const { imageReference } = origin;
  const reference = imageReference && (await attempt(() => parseOriginReference(imageReference)));
  const image = await attempt(() => readDeploymentImage(paths, origin, source.images));
  return {
    ...known,
    origin,
    ...(reference ? { reference } : {}),
    ...(image === undefined ? {} : { image }),
    problems,
  };
}

/** What a deployment without an origin file has among its problems. */
export function originMissing(deploymentId: string): string {
  return `No origin file for deployment ${deploymentId}`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
