import { access } from 'node:fs/promises';
import { CodedError } from '@workbench/run';
import { configurationArchitecture } from '../boot/architecture.ts';
import { detectContainer } from '../container/containerenv.ts';
import { imageOfContainer, inspectSurroundings } from '../container/source-image.ts';
import { displayReference, type ImageReference } from '../deployment/image-reference.ts';
import { bootupdProgram } from './bootupd.ts';
import { type InstallConfiguration, loadInstallConfiguration } from './configuration.ts';
import { type DecisionOptions, decideInstallation, type InstallDecision, requireComposefsBackend } from './decide.ts';
import type { CommonInstallOptions } from './options.ts';
import { readAuthorizedKeys } from './root-ssh-keys.ts';
import { inspectSourceImage, parseSource, type SourceImage } from './source.ts';

/** What is known and decided before anything is written. */
export interface PreparedInstallation {
  source: SourceImage;
  configuration: InstallConfiguration;
  decision: InstallDecision;
  /** Content of root's authorized_keys. */
  authorizedKeys: string | undefined;
}

/** What an installation is decided by. */
export interface DecisionBasis {
  options: DecisionOptions;
  configuration: InstallConfiguration;
}

/**
 * Checks everything about an installation that is known before its target is touched.
 *
 * @param decideBy options and configuration to decide by, once the configuration of the running image has been read.
 * @throws CodedError `COMPOSEFS_BACKEND_REQUIRED`, `INSTALLER_NOT_ROOT`, `SOURCE_REQUIRED` and its like; what looking at the
 * source or deciding throws.
 */
export async function prepareInstallation(
  options: CommonInstallOptions,
  warn: (line: string) => void,
  decideBy: (configuration: InstallConfiguration) => Promise<DecisionBasis>,
): Promise<PreparedInstallation> {
  // A command line that means another backend is wrong wherever it is run.
  requireComposefsBackend(options);
  if (process.getuid?.() !== 0) {
    throw new CodedError('INSTALLER_NOT_ROOT', 'installing needs root', { hint: 'run it with sudo' });
  }
  const reference = await sourceReference(options);
  const keys = options.rootSshAuthorizedKeys;
  const authorizedKeys = keys === undefined ? undefined : await readAuthorizedKeys(keys);
  const { configuration, warnings } = await loadInstallConfiguration('/', configurationArchitecture());
  warnings.forEach(warn);
  const source = await inspectSourceImage(reference);
  const facts = {
    reference: source.reference,
    hasBootupd: source.hasBootupd,
    canRunBootupd: await exists(`/${bootupdProgram}`),
    ...(source.bootloaders === undefined ? {} : { bootloaders: source.bootloaders }),
    ...(source.sealedFor === undefined ? {} : { sealedFor: source.sealedFor }),
  };
  const by = await decideBy(configuration);
  return { source, configuration, decision: decideInstallation(by.options, by.configuration, facts), authorizedKeys };
}

async function sourceReference(options: CommonInstallOptions): Promise<ImageReference> {
  if (options.sourceImgref !== undefined) return parseSource(options.sourceImgref);
  return imageOfContainer(await inspectSurroundings(await detectContainer()));
}

/**
 * Makes sure that an image fits.
 *
 * @throws CodedError `INSUFFICIENT_SPACE`.
 */
export function assertSpace(source: SourceImage, space: { haveBytes: number; where: string }): void {
  const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;
  if (space.haveBytes >= source.neededBytes) return;
  const need = `needs ${megabytes(source.neededBytes)}, have ${megabytes(space.haveBytes)}`;
  throw new CodedError(
    'INSUFFICIENT_SPACE',
    `${displayReference(source.reference)} does not fit on ${space.where}: ${need}`,
    {
      hint: 'use a larger disk or a larger --root-size, or make the image smaller',
    },
  );
}

/** Prints what is going to be installed. */
export function announceImage(print: (line: string) => void, prepared: PreparedInstallation): void {
  print(`Installing image: ${displayReference(prepared.decision.target)}`);
  print(`Digest: ${prepared.source.manifestDigest}`);
}

/** Whether the running system has SELinux enabled. */
export async function isSelinuxEnabled(): Promise<boolean> {
  return exists('/sys/fs/selinux/enforce');
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
