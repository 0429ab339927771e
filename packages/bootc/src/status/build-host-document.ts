import type { CachedUpdate } from '../deployment/cached-update.ts';
import type { FinalizeRecord } from '../deployment/finalize-record.ts';
import { formatTransportReference, type OriginReference } from '../deployment/image-reference.ts';
import type { DeploymentImage } from '../storage/deployment-image.ts';
import { type DeploymentRoles, deploymentRoles } from '../storage/deployment-roles.ts';
import { type Mount, mountAt } from '../storage/mount-table.ts';
import type { DeploymentRecord, RootModel } from '../storage/root-model.ts';
import { emptyHostDocument } from './empty-host-document.ts';
import type {
  BootEntryDocument,
  HostDocument,
  ImageDocument,
  ImageReferenceDocument,
  LastFinalizeDocument,
  SealDocument,
  UsrOverlayDocument,
} from './host-document.ts';
import { isSoftRebootCapable } from './soft-reboot.ts';
import type { SoftRebootFacts } from './soft-reboot-facts.ts';
import { normalizeTimestamp } from './timestamp.ts';

/** What the status document tells of the system beside its deployments. */
export interface SystemState extends SoftRebootFacts {
  mounts: readonly Mount[];
  isReadOnly: boolean;
  /** Of the deployments with a unified kernel image, by id. */
  seals?: ReadonlyMap<string, SealDocument>;
  secureBoot?: HostDocument['status']['secureBoot'];
}

/** The status document of a system booted from composefs. Never fails: what is odd is told in it. */
export function buildHostDocument(model: RootModel, system: SystemState): HostDocument {
  const roles = deploymentRoles(model);
  const describe = (deployment: DeploymentRecord | undefined): BootEntryDocument | null =>
    deployment === undefined ? null : describeDeployment(deployment, { model, roles, system });
  const others = roles.others.flatMap((deployment) => describe(deployment) ?? []);
  const unmanaged = model.unmanaged.map(({ fileName, set, reason }) => ({
    entry: set === 'active' ? fileName : `${fileName} (staged)`,
    reason,
  }));
  const incomplete = listProblems(model, roles);
  const document = emptyHostDocument();
  return {
    ...document,
    spec: {
      image: describeReference((roles.staged ?? roles.booted).reference),
      bootOrder: roles.isRollbackQueued ? 'rollback' : 'default',
    },
    status: {
      staged: describe(roles.staged),
      booted: describe(roles.booted),
      rollback: describe(roles.rollback),
      ...(others.length === 0 ? {} : { otherDeployments: others }),
      rollbackQueued: roles.isRollbackQueued,
      type: 'bootcHost',
      usrOverlay: describeUsrOverlay(system.mounts),
      readOnly: system.isReadOnly,
      ...(system.secureBoot === undefined ? {} : { secureBoot: system.secureBoot }),
      ...(model.lastFinalize === undefined ? {} : { lastFinalize: describeFinalize(model.lastFinalize) }),
      ...(unmanaged.length === 0 ? {} : { unmanaged }),
      ...(incomplete.length === 0 ? {} : { incomplete }),
    },
  };
}

function describeDeployment(
  deployment: DeploymentRecord,
  context: { model: RootModel; roles: DeploymentRoles; system: SystemState },
): BootEntryDocument {
  const { model, roles, system } = context;
  const { image, reference, origin } = deployment;
  const isUki = origin?.bootType === undefined ? bootsEfiProgram(deployment) : origin.bootType === 'uki';
  const isStaged = deployment === roles.staged;
  const seal = system.seals?.get(deployment.id);
  return {
    image: image === undefined || reference === undefined ? null : describeImage(image, reference),
    cachedUpdate: deployment === roles.booted ? describeCachedUpdate(model.cachedUpdate, reference, image) : null,
    incompatible: false,
    pinned: false,
    softRebootCapable: isSoftRebootCapable(roles.booted, deployment, system),
    downloadOnly: isStaged && model.staged?.isFinalizationLocked === true,
    store: null,
    ostree: null,
    composefs: {
      verity: deployment.id,
      bootType: isUki ? 'Uki' : 'Bls',
      bootloader: model.boot.bootloader,
      bootDigest: origin?.bootDigest ?? null,
      missingVerityAllowed: model.host.isMissingVerityAllowed,
      ...(seal === undefined ? {} : { seal }),
    },
  };
}

function bootsEfiProgram(deployment: DeploymentRecord): boolean {
  return deployment.entries[0]?.entry.target.kind === 'efi';
}

function describeImage(image: DeploymentImage, reference: OriginReference): ImageDocument {
  return {
    image: describeReference(reference)!,
    version: image.manifest.annotations?.['org.opencontainers.image.version'] ?? null,
    timestamp: normalizeTimestamp(image.config.created ?? '') ?? null,
    imageDigest: image.manifestDigest,
    architecture: image.config.architecture,
  };
}

// What was found for another image, or is what runs, is no news.
function describeCachedUpdate(
  update: CachedUpdate | undefined,
  reference: OriginReference | undefined,
  image: DeploymentImage | undefined,
): ImageDocument | null {
  if (update === undefined || reference === undefined) return null;
  if (update.reference !== formatTransportReference(reference)) return null;
  if (update.manifestDigest === image?.manifestDigest) return null;
  return {
    image: describeReference(reference)!,
    version: update.version,
    timestamp: normalizeTimestamp(update.created ?? '') ?? null,
    imageDigest: update.manifestDigest,
    architecture: update.architecture,
  };
}

function describeReference(reference: OriginReference | undefined): ImageReferenceDocument | null {
  if (reference === undefined) return null;
  const { image, transport, signature } = reference;
  return { image, transport, ...(signature === 'unverified' ? {} : { signature }) };
}

function describeUsrOverlay(mounts: readonly Mount[]): UsrOverlayDocument | null {
  const usr = mountAt(mounts, '/usr');
  if (usr?.filesystem !== 'overlay') return null;
  return { accessMode: usr.options.includes('ro') ? 'readOnly' : 'readWrite', persistence: 'transient' };
}

function describeFinalize(record: FinalizeRecord): LastFinalizeDocument {
  const { deploymentId, image, state, time } = record;
  const outcomes = {
    failed: ['failed', record.message ?? 'it failed'],
    running: ['interrupted', 'the system went down while the deployment was being finalized'],
    staged: ['notRun', 'the system went down without finalizing the deployment'],
  } as const;
  const [result, message] = outcomes[state];
  return { deployment: deploymentId, image, result, message, time };
}

function listProblems(model: RootModel, roles: DeploymentRoles): { deployment: string | null; problem: string }[] {
  const shown = new Set([roles.booted, roles.staged, roles.rollback, ...roles.others]);
  const told = [...model.deployments.values(), roles.booted].filter(
    // A state folder that nothing boots is for the garbage collector, not for the reader.
    (deployment) => deployment.entries.length > 0 || shown.has(deployment),
  );
  return [
    ...model.problems.map((problem) => ({ deployment: null, problem })),
    ...[...new Set(told)].flatMap(({ id, problems }) => problems.map((problem) => ({ deployment: id, problem }))),
  ];
}
