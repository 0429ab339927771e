import { CodedError } from '@workbench/run';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { detectEnvironment } from '../storage/environment.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import { buildHostDocument, type SystemState } from './build-host-document.ts';
import { emptyHostDocument } from './empty-host-document.ts';
import { formatDocument, type StatusFormat } from './format-document.ts';
import type { HostDocument } from './host-document.ts';
import { readSoftRebootFacts } from './soft-reboot-facts.ts';

/** How status is shown. */
export interface StatusOptions {
  format: StatusFormat;
  /** Leaves out the staged and the rollback deployment. */
  onlyBooted: boolean;
  isVerbose: boolean;
}

/**
 * Prints the status document on standard output. Outside a host booted from composefs that is an empty one.
 *
 * @throws CodedError `ROOT_REQUIRED` on such a host without root: the ESP has to be mounted.
 */
export async function showStatus(options: StatusOptions): Promise<void> {
  const document = await readHostDocument();
  const shown = options.onlyBooted
    ? { ...document, status: { ...document.status, staged: null, rollback: null } }
    : document;
  process.stdout.write(await formatDocument(shown, options));
  if (options.format === 'humanreadable' && options.isVerbose && document.status.booted !== null) {
    const { formatStorageSharing, measureStorageSharing } = await import('./storage-sharing.ts');
    const sharing = await measureStorageSharing({ physicalRoot: '/sysroot' });
    if (sharing !== undefined) process.stdout.write(`${formatStorageSharing(sharing)}\n`);
  }
}

/**
 * Accepts the version of the document that was asked for: 0 and 1 are both the one there is.
 *
 * @throws CodedError `FORMAT_VERSION_UNSUPPORTED`.
 */
export function assertFormatVersion(version: string | undefined): void {
  if (version === undefined || version === '0' || version === '1') return;
  throw new CodedError('FORMAT_VERSION_UNSUPPORTED', `Unsupported format version: ${version}`, {
    hint: 'use --format-version=1, or leave it out',
  });
}

/** The status document of this system. */
export async function readHostDocument(): Promise<HostDocument> {
  const environment = await detectEnvironment('/');
  if (environment.kind !== 'composefs') return emptyHostDocument();
  if (process.getuid?.() !== 0) {
    throw new CodedError('ROOT_REQUIRED', 'this command must be run as root', { hint: 'use sudo' });
  }
  await using storage = await openBootedStorage('read', { toleratesProblems: true });
  const model = await buildRootModel(storage);
  await warnOfMissingOrigins(model);
  const facts = await readSoftRebootFacts(model, storage);
  const system = { ...facts, mounts: storage.mounts, isReadOnly: storage.isReadOnly };
  return buildHostDocument(model, { ...system, ...(await readSealing(model, storage.root)) });
}

// Read only where there is anything to be sealed, since most systems have no unified kernel image.
async function readSealing(model: RootModel, root: string): Promise<Pick<SystemState, 'seals' | 'secureBoot'>> {
  const unified = [...model.deployments.values()].filter(({ entries }) => entries[0]?.entry.target.kind === 'efi');
  if (unified.length === 0) return {};
  const { readSeal, readSecureBoot } = await import('./seal.ts');
  const secureBoot = await readSecureBoot(root);
  const seals = new Map(
    unified.flatMap((deployment) => {
      const seal = readSeal(deployment, model.boot);
      return seal === undefined ? [] : [[deployment.id, seal] as const];
    }),
  );
  return { seals, ...(secureBoot === undefined ? {} : { secureBoot }) };
}

async function warnOfMissingOrigins(model: RootModel): Promise<void> {
  for (const deployment of model.deployments.values()) {
    if (deployment.origin !== undefined || deployment.entries.length === 0) continue;
    await writeJournal({
      messageId: journalMessages.originMissing,
      message: `No origin file for deployment ${deployment.id}`,
      priority: 4,
    });
  }
}
