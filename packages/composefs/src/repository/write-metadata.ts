import { closeSync, constants, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { removeFile } from '../durable/remove.ts';
import { syncDirectory } from '../durable/sync.ts';
import {
  beforeSealing,
  beforeWriting,
  createUnnamed,
  dropUnnamed,
  publishFile,
  reopenReadOnly,
  syncUnnamed,
} from '../durable/unnamed-file.ts';
import { digestBytes, type HashAlgorithm, hashAlgorithms } from '../fsverity/algorithm.ts';
import { measureFile, sealFile, type VerityPolicy } from '../fsverity/seal.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { type ErofsFormats, formatMetadata, metadataFile } from './metadata.ts';

/** How a new `meta.json` is written. `off` makes an insecure repository whatever the file system can. */
export interface NewMetadata {
  algorithm: HashAlgorithm;
  erofsFormats: ErofsFormats;
  verity: VerityPolicy | 'off';
}

/**
 * Writes `meta.json`, which makes a directory a repository; sealed, it makes it a secure one. After it resolves, the
 * file is on disk, whole. If it throws or power is lost, there is no `meta.json`, or the whole one.
 *
 * @throws CodedError `VERITY_UNSUPPORTED` if verity is demanded and the file system cannot.
 */
export async function writeMetadata(path: string, { algorithm, erofsFormats, verity }: NewMetadata): Promise<void> {
  const file = createUnnamed(path, 0o644);
  try {
    beforeWriting(file);
    writeFileSync(file.fd, formatMetadata(algorithm, erofsFormats));
    syncUnnamed(file);
    reopenReadOnly(file);
    if (verity !== 'off') await seal(file.fd, path, algorithm, verity);
    publishFile(file, join(path, metadataFile));
  } finally {
    dropUnnamed(file);
  }
  syncDirectory(path);
}

/** Removes `meta.json`, so that {@link writeMetadata} can write another one. */
export async function removeMetadata(path: string): Promise<void> {
  await removeFile(join(path, metadataFile));
}

/**
 * What a repository of before `meta.json` is like, by the first of its objects: the length of the name tells the
 * algorithm, its seal whether it is secure. Undefined if it has none.
 */
export function inferMetadata(path: string): NewMetadata | undefined {
  const object = findAnyObject(join(path, 'objects'));
  const algorithm = hashAlgorithms.find((known) => object?.name.length === digestBytes[known] * 2 - 2);
  if (object === undefined || algorithm === undefined) return undefined;
  const fd = openSync(object.path, constants.O_RDONLY);
  try {
    const isSecure = measureFile(fd, algorithm).state === 'sealed';
    // Such a repository holds images of the only format there was.
    return { algorithm, erofsFormats: { default: 2, extra: [] }, verity: isSecure ? 'require' : 'off' };
  } finally {
    closeSync(fd);
  }
}

function findAnyObject(objects: string): { path: string; name: string } | undefined {
  for (const prefix of readNames(objects)) {
    if (!/^[0-9a-f]{2}$/.test(prefix)) continue;
    const name = readNames(join(objects, prefix))[0];
    if (name !== undefined) return { path: join(objects, prefix, name), name };
  }
  return undefined;
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

async function seal(fd: number, path: string, algorithm: HashAlgorithm, policy: VerityPolicy): Promise<void> {
  beforeSealing(path);
  const outcome = await sealFile(fd, algorithm);
  if (outcome === 'sealed' || outcome === 'was-sealed' || policy === 'if-supported') return;
  throw new CodedError('VERITY_UNSUPPORTED', `the file system of ${path} has no fs-verity`, {
    hint: 'on ext4: tune2fs -O verity DEVICE; or make an insecure repository: --insecure',
  });
}
