import { buildBootTree, type ErofsFormat, type Repository, readFileNode, writeDumpfile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import type { OsRelease } from '../boot/os-release.ts';
import { windowOfBytes } from './byte-window.ts';
import { explainDifference } from './explain-difference.ts';
import type { ImageUnifiedKernel } from './image-unified-kernel.ts';
import { bootDigestOfUnifiedKernel, readUnifiedKernel } from './unified-kernel.ts';

const sealAgain =
  'the image was changed after it was sealed: seal it again, as the last step of its build. What is sealed must have been committed ' +
  'as a layer before (FROM a stage that is finished): files of the step that runs have times with fractions of seconds, a layer has ' +
  'whole seconds';

/** A deployment that boots a unified kernel image. */
export interface UnifiedDeployment {
  /** The id that its command line names: of one of the images that were made of the container image. */
  deploymentId: string;
  isMissingVerityAllowed: boolean;
  bootDigest: string;
  osRelease: OsRelease;
  commandLine: string;
  /** The whole file. */
  bytes: Buffer;
}

/** The imported image that a unified kernel image has to fit to. */
export interface UnifiedDeploymentOptions {
  manifestDigest: string;
  /** Ids of its images to boot, by format. */
  bootImageIds: ReadonlyMap<ErofsFormat, string>;
  /** Tells how the image differs from the one that was sealed, a line each. */
  explain(line: string): void;
}

/**
 * Reads the unified kernel image of an image and makes sure that it boots this very image: the id on its command line must be
 * that of the image in one of the formats.
 *
 * @throws CodedError `UKI_DIGEST_MISMATCH` with both ids; `PE_INVALID`, `UKI_INVALID`.
 */
export async function openUnifiedDeployment(
  repository: Repository,
  unified: ImageUnifiedKernel,
  options: UnifiedDeploymentOptions,
): Promise<UnifiedDeployment> {
  const bytes = await readFileNode(repository, unified.file);
  const kernel = readUnifiedKernel(windowOfBytes(bytes), unified.fileName);
  const { composefs } = kernel;
  const ids = [...options.bootImageIds];
  if (composefs === undefined || !ids.some(([, id]) => id === composefs.deploymentId)) {
    if (unified.dump !== undefined) await explain(repository, unified.dump, options);
    const [expected = '', ...others] = ids.map(([format, id]) => `'${id}' (format ${format})`);
    const actual = composefs?.deploymentId ?? '';
    throw new CodedError(
      'UKI_DIGEST_MISMATCH',
      `The UKI has the wrong composefs= parameter (is '${actual}', should be ${[expected, ...others].join(' or ')})`,
      { hint: sealAgain },
    );
  }
  return {
    ...composefs,
    bootDigest: await bootDigestOfUnifiedKernel(kernel),
    osRelease: kernel.osRelease,
    commandLine: kernel.commandLine,
    bytes,
  };
}

async function explain(
  repository: Repository,
  dump: NonNullable<ImageUnifiedKernel['dump']>,
  options: UnifiedDeploymentOptions,
): Promise<void> {
  const sealed = (await readFileNode(repository, dump)).toString('utf8');
  const imported = writeDumpfile(await buildBootTree(repository, options.manifestDigest));
  explainDifference(sealed, imported).forEach(options.explain);
}
