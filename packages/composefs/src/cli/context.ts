import { homedir } from 'node:os';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { erofsFormats } from '../erofs/format.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import { checkSha256 } from '../oci/names.ts';
import type { LockWait } from '../repository/lock.ts';
import type { ErofsFormat } from '../repository/metadata.ts';
import { openRepository, type Repository } from '../repository/repository.ts';

/** Options before every verb. */
export interface GlobalOptions {
  repo?: string | undefined;
  user?: boolean | undefined;
  system?: boolean | undefined;
  hash?: HashAlgorithm | undefined;
  'erofs-version'?: number | undefined;
  'require-verity'?: boolean | undefined;
  'no-upgrade'?: boolean | undefined;
  'no-repo'?: boolean | undefined;
}

/** What a verb runs with. */
export interface CliContext {
  options: GlobalOptions;
  defaultRepository: string | undefined;
  /** Prints a line to standard output. */
  print(text: string): void;
  /** Writes bytes to standard output; resolves when they are taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** Standard input. */
  readonly input: AsyncIterable<Buffer>;
  /** Tells something that is no result. */
  warn(text: string): void;
  /** Exit status of a verb that did what it should and found something wrong. */
  fail(): void;
}

/**
 * The directory of the repository that the options name; without any, that of the caller, of the system for root, of
 * the user for others.
 */
export function repositoryPath({ options, defaultRepository }: CliContext): string {
  const userPath = join(homedir(), '.var/lib/composefs');
  if (options.repo !== undefined) return options.repo;
  if (options.user === true) return userPath;
  if (options.system === true) return '/sysroot/composefs';
  if (defaultRepository !== undefined) return defaultRepository;
  return process.getuid?.() === 0 ? '/sysroot/composefs' : userPath;
}

/** Says who holds a lock that is being waited for. */
export function lockNotice(context: CliContext): (wait: LockWait) => void {
  return ({ path, kind, holders }) =>
    context.warn(`waiting for the ${kind} lock of ${path}, held by ${holders.join(', ') || 'another process'}`);
}

/** Opens the repository that the options name, and checks that it is as they demand. */
export async function openNamedRepository(context: CliContext): Promise<Repository> {
  const { options } = context;
  const erofsFormat = askedFormat(context);
  const repository = await openRepository(repositoryPath(context), {
    onWait: lockNotice(context),
    noUpgrade: options['no-upgrade'] === true,
    ...(erofsFormat === undefined ? {} : { erofsFormat }),
  });
  const refuse = async (message: string, hint: string): Promise<never> => {
    await repository[Symbol.asyncDispose]();
    throw new CodedError('REPOSITORY_UNFIT', message, { hint });
  };
  if (options.hash !== undefined && options.hash !== repository.algorithm) {
    await refuse(`${repository.path} uses ${repository.algorithm}, not ${options.hash}`, 'leave --hash out');
  }
  if (options['require-verity'] === true && !repository.isSecure) {
    await refuse(`${repository.path} is not guarded by fs-verity`, 'make a secure repository: cfs init');
  }
  return repository;
}

/** The format for images that are only computed. */
export function chosenFormat(context: CliContext, repository: Repository | undefined): ErofsFormat {
  return askedFormat(context) ?? repository?.erofsFormats.default ?? 1;
}

function askedFormat({ options }: CliContext): ErofsFormat | undefined {
  return erofsFormats.find((format) => format === options['erofs-version']);
}

/** The hash of digests that are only computed: what is asked for, else that of the repository, else sha512. */
export async function chosenAlgorithm(context: CliContext): Promise<{ algorithm: HashAlgorithm; format: ErofsFormat }> {
  const { hash } = context.options;
  if (hash !== undefined || context.options['no-repo'] === true) {
    return { algorithm: hash ?? 'sha512', format: chosenFormat(context, undefined) };
  }
  await using repository = await openNamedRepository(context);
  return { algorithm: repository.algorithm, format: chosenFormat(context, repository) };
}

/** An argument that has to be a `sha256:` digest. @throws CodedError `OCI_DIGEST`, as of a wrong command line. */
export function digestArgument(value: string): string {
  try {
    return checkSha256(value);
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    throw new CodedError(error.code, error.message, { hint: error.hint ?? '', exitCode: 2 });
  }
}
