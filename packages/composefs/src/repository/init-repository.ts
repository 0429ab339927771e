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
import { removeMetadata, writeMetadata } from './write-metadata.ts';

export interface InitOptions {
  algorithm: HashAlgorithm;
  /** `require` fails where the file system has no fs-verity, `off` never uses it. */
  verity: VerityPolicy | 'off';
  erofsFormats: { default: ErofsFormat; extra?: ErofsFormat[] };
  /** Takes a repository that is there as it is, even if it is configured otherwise. */
  ensure?: boolean;
  /** Keeps the objects of an old repository, but removes its streams, images and metadata. */
  resetMetadata?: boolean;
}

/**
 * Makes a directory a repository, and the directory itself (0700) and its parents if need be. One that is there already with the same configuration is opened. After it resolves, the repository is on disk.
 *
 * @throws CodedError `REPOSITORY_EXISTS` if it is configured otherwise; `VERITY_UNSUPPORTED`.
 */
export async function initRepository(path: string, options: InitOptions): Promise<Repository> {
  const erofsFormats: ErofsFormats = { default: options.erofsFormats.default, extra: options.erofsFormats.extra ?? [] };
  makeWithParents(resolve(path), 0o700);
  if (options.resetMetadata === true) {
    for (const name of ['streams', 'images']) await removeTree(join(path, name));
    await removeMetadata(path);
  }
  const existing = readMetadata(path);
  if (existing === undefined) {
    await writeMetadata(path, { algorithm: options.algorithm, erofsFormats, verity: options.verity });
    return openRepository(path);
  }
  const isSame =
    formatMetadata(existing.algorithm, existing.erofsFormats) === formatMetadata(options.algorithm, erofsFormats);
  const repository = await openRepository(path);
  const isAsSecure = options.verity !== 'require' || repository.isSecure;
  if (options.ensure === true || (isSame && isAsSecure)) return repository;
  await repository[Symbol.asyncDispose]();
  throw new CodedError('REPOSITORY_EXISTS', `${path} is a repository already, with another configuration`, {
    hint: 'use it as it is (--ensure), or choose another directory',
  });
}

function makeWithParents(path: string, mode: number): void {
  if (existsSync(path)) return;
  const parent = dirname(path);
  makeWithParents(parent, 0o755);
  if (makeDirectory(path, mode)) syncDirectory(parent);
}
