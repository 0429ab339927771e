import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CodedError } from '@workbench/run';
import { makeDirectory } from '../durable/make-directory.ts';
import { removeTree } from '../durable/remove.ts';
import { syncDirectory } from '../durable/sync.ts';
import type { HashAlgorithm } from '../fsverity/algorithm.ts';
import type { VerityPolicy } from '../fsverity/seal.ts';
import { type ErofsFormat, type ErofsFormats, formatMetadata } from './metadata.ts';
import { openRepository, type Repository, readMetadata } from './repository.ts';
import { inferMetadata, removeMetadata, writeMetadata } from './write-metadata.ts';

export interface InitOptions {
  algorithm: HashAlgorithm;
  /** `require` fails where the file system has no fs-verity, `off` never uses it. */
  verity: VerityPolicy | 'off';
  erofsFormats: { default: ErofsFormat; extra?: ErofsFormat[] };
  /**
   * Takes a repository that is there as it is, even if it is not as secure or makes images of other formats; one of before
   * `meta.json` gets that file.
   */
  ensure?: boolean;
  /** Keeps the objects of an old repository, but removes its streams, images and metadata. */
  resetMetadata?: boolean;
}

/** An initialized repository, and what had to be done for it. */
export interface InitializedRepository {
  repository: Repository;
  outcome: 'created' | 'opened' | 'upgraded';
}

/**
 * Makes a directory a repository, and the directory itself (0700) and its parents if need be. One that is there already with the
 * same configuration is opened. After it resolves, the repository is on disk.
 *
 * @throws CodedError `REPOSITORY_EXISTS` if it is configured otherwise; `VERITY_UNSUPPORTED`.
 */
export async function initRepository(path: string, options: InitOptions): Promise<Repository> {
  return (await initializeRepository(path, options)).repository;
}

/** As {@link initRepository}, and tells what was done. */
export async function initializeRepository(path: string, options: InitOptions): Promise<InitializedRepository> {
  const { algorithm, verity } = options;
  const erofsFormats: ErofsFormats = { default: options.erofsFormats.default, extra: options.erofsFormats.extra ?? [] };
  makeWithParents(resolve(path), 0o700);
  if (options.resetMetadata === true) {
    for (const name of ['streams', 'images']) await removeTree(join(path, name));
    await removeMetadata(path);
  }
  const ensures = options.ensure === true;
  const existing = readMetadata(path);
  const former = existing ?? (ensures ? inferMetadata(path) : undefined);
  if (former === undefined) {
    await writeMetadata(path, { algorithm, erofsFormats, verity });
    return { repository: await openRepository(path), outcome: 'created' };
  }
  if (ensures && former.algorithm !== algorithm) throw differs(path, `its algorithm is ${former.algorithm}`);
  const repository = await openRepository(path);
  const isSame =
    formatMetadata(former.algorithm, former.erofsFormats) === formatMetadata(algorithm, erofsFormats) &&
    (verity !== 'require' || repository.isSecure);
  if (ensures || isSame) return { repository, outcome: existing === undefined ? 'upgraded' : 'opened' };
  await repository[Symbol.asyncDispose]();
  const hint = former.algorithm === algorithm ? 'use it as it is (--ensure), or choose another directory' : undefined;
  throw differs(path, 'it has another configuration', hint);
}

function differs(path: string, problem: string, hint = 'choose another directory'): CodedError {
  return new CodedError('REPOSITORY_EXISTS', `${path} is a repository already: ${problem}`, { hint });
}

function makeWithParents(path: string, mode: number): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  makeWithParents(parent, 0o755);
  if (makeDirectory(path, mode)) syncDirectory(parent);
}
