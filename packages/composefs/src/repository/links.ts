import { lstatSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { digestBytes } from '../fsverity/algorithm.ts';
import { isSystemError } from '../syscalls/libc.ts';
import type { Repository } from './repository.ts';

/** The two folders of links: images by digest, streams by name. Both have named references below `refs`. */
export type LinkFolder = 'images' | 'streams';

/** A symbolic link of a repository. */
export interface RepositoryLink {
  folder: LinkFolder;
  /**
   * Below the folder: `oci-manifest-sha256:…`, or with `refs/` in front for a reference, which may have more slashes.
   */
  name: string;
  /** The text of the link; undefined for an entry that is no link. */
  target: string | undefined;
  /** Whether the link leads to something. */
  isResolved: boolean;
}

/** The entries of a folder itself, sorted, references left out; none if the folder is missing. */
export function listLinks(repository: Repository, folder: LinkFolder): RepositoryLink[] {
  return readEntries(repository, folder, '').filter(({ name }) => name !== 'refs');
}

/** All references of a folder, sorted, whatever the depth. */
export function listReferences(repository: Repository, folder: LinkFolder): RepositoryLink[] {
  const found: RepositoryLink[] = [];
  const visit = (prefix: string): void => {
    for (const link of readEntries(repository, folder, prefix)) {
      if (link.target === undefined && isDirectory(repository, link)) visit(`${link.name}/`);
      else found.push(link);
    }
  };
  visit('refs/');
  return found;
}

/** The digest of the object that an entry of a folder stands for, or undefined if there is no such link. */
export function linkedDigest(repository: Repository, folder: LinkFolder, name: string): string | undefined {
  const target = readTarget(join(repository.path, folder, name));
  return target === undefined ? undefined : digestOfTarget(repository, target);
}

/** The digest in a link to an object, `../objects/xx/yyyy…`; undefined if it leads elsewhere. */
export function digestOfTarget(repository: Repository, target: string): string | undefined {
  const match = /^\.\.\/objects\/([0-9a-f]{2})\/([0-9a-f]+)$/.exec(target);
  if (match === null) return undefined;
  const digest = `${match[1]}${match[2]}`;
  return digest.length === digestBytes[repository.algorithm] * 2 ? digest : undefined;
}

/** The entry of the folder that a reference names: the last part of its target. */
export function referencedName(link: RepositoryLink): string | undefined {
  return link.target?.split('/').at(-1);
}

/** The entry that a reference (`refs/…`) leads to, or undefined if there is no such reference. */
export function findReference(repository: Repository, folder: LinkFolder, name: string): string | undefined {
  return readTarget(join(repository.path, folder, name))
    ?.split('/')
    .at(-1);
}

/** @throws CodedError `LINK_NAME` for a name that would lead out of its folder. */
export function checkReferenceName(name: string): void {
  const isSafe = name !== '' && !name.includes('\0') && !name.split('/').some((part) => ['', '.', '..'].includes(part));
  if (isSafe) return;
  throw new CodedError('LINK_NAME', `${JSON.stringify(name)} cannot name anything in a repository`, {
    hint: 'a name must not be empty, and its parts must not be "." or ".."',
  });
}

function readEntries(repository: Repository, folder: LinkFolder, prefix: string): RepositoryLink[] {
  const directory = join(repository.path, folder, prefix);
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
  return names.map((name) => {
    const path = join(directory, name);
    const isResolved = statSync(path, { throwIfNoEntry: false }) !== undefined;
    return { folder, name: prefix + name, target: readTarget(path), isResolved };
  });
}

function isDirectory(repository: Repository, link: RepositoryLink): boolean {
  return lstatSync(join(repository.path, link.folder, link.name)).isDirectory();
}

function readTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isSystemError(error, 'EINVAL', 'ENOENT')) return undefined;
    throw error;
  }
}
