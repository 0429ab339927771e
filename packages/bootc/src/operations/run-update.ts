import type { SignatureSource } from '../deployment/image-reference.ts';
import { listenForStopSignals } from '../install/stop-signals.ts';
import { type BootedStorage, openBootedStorage } from '../storage/booted-storage.ts';
import { journalMessages, writeJournal } from '../storage/journal.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { startFinalizeUnit } from './finalize-unit.ts';
import { type RebootKind, rebootSystem } from './reboot.ts';
import { type ApplyOptions, prepareToApply } from './soft-reboot.ts';
import { switchInPlace, switchTo } from './switch.ts';
import { parseTarget } from './target.ts';
import type { UpdateEnvironment } from './update-environment.ts';
import { checkForUpgrade, releaseDownloaded, upgrade } from './upgrade.ts';

/** Options of every verb that updates. */
export interface UpdateVerbOptions extends ApplyOptions {
  isQuiet: boolean;
  progressFd?: string | undefined;
}

/** What `bootc upgrade` is told. */
export interface UpgradeVerbOptions extends UpdateVerbOptions {
  mode: 'upgrade' | 'check' | 'download-only' | 'from-downloaded';
  tag?: string | undefined;
}

/** What `bootc switch` is told. */
export interface SwitchVerbOptions extends UpdateVerbOptions {
  target: string;
  transport?: string | undefined;
  signature: SignatureSource;
  isInPlace: boolean;
  /** Bring the image by way of container storage from now on. */
  isUnified: boolean;
}

/** `bootc upgrade`: updates the booted system, and restarts it when it is told to and there is something new. */
export async function runUpgrade(options: UpgradeVerbOptions): Promise<void> {
  if (options.mode === 'check') {
    await using storage = await openBootedStorage('read');
    await checkForUpgrade(storage, options, { print: printLine });
    return;
  }
  const restart = await changeSystem(options, async (storage, environment) => {
    if (options.mode === 'from-downloaded') return releaseDownloaded(storage, environment);
    const isDownloadOnly = options.mode === 'download-only';
    const deploymentId = await upgrade(storage, { tag: options.tag, isDownloadOnly }, environment);
    await tellJournal(journalMessages.upgraded, 'Upgrade staged', deploymentId);
    return isDownloadOnly ? undefined : deploymentId;
  });
  if (restart !== undefined) await rebootSystem(restart, 'bootc upgrade');
}

/** `bootc switch`: makes the booted system follow another image, and restarts it when it is told to. */
export async function runSwitch(options: SwitchVerbOptions): Promise<void> {
  const reference = parseTarget({ transport: options.transport, name: options.target });
  const target = { ...reference, signature: options.signature };
  const restart = await changeSystem(options, async (storage, environment) => {
    if (options.isInPlace) {
      await switchInPlace(storage, target, environment);
      return undefined;
    }
    const deploymentId = await switchTo(storage, target, environment, { isUnifiedRequested: options.isUnified });
    await tellJournal(journalMessages.switched, `Switch to ${target.image} staged`, deploymentId);
    return deploymentId;
  });
  if (restart !== undefined) await rebootSystem(restart, 'bootc switch');
}

// What boots next is applied while the storage is open; the restart itself waits until nothing is held any more.
async function changeSystem(
  options: UpdateVerbOptions,
  change: (storage: BootedStorage, environment: UpdateEnvironment) => Promise<string | undefined>,
): Promise<RebootKind | undefined> {
  using stop = listenForStopSignals();
  const { makeReporter } = await import('./import-reporter.ts');
  using reporter = makeReporter(options);
  using _lock = await lockOperations('/', stop.signal);
  await using storage = await openBootedStorage('write');
  const deploymentId = await change(storage, {
    print: (line) => {
      reporter.pause();
      printLine(line);
    },
    warn: (line) => {
      reporter.pause();
      process.stderr.write(`warning: ${line}\n`);
    },
    startFinalizer: startFinalizeUnit,
    onImport: reporter.report,
    signal: stop.signal,
  });
  reporter.pause();
  // What was staged meanwhile stays; but nobody who stopped this wants a restart.
  stop.signal.throwIfAborted();
  return deploymentId === undefined ? undefined : await prepareToApply(storage, deploymentId, options);
}

async function tellJournal(messageId: string, message: string, deploymentId: string | undefined): Promise<void> {
  if (deploymentId === undefined) return;
  await writeJournal({ messageId, message, priority: 6, fields: { BOOTC_DEPLOYMENT: deploymentId } });
}

function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}
