import { readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Directory, Node, Repository } from '@workbench/composefs';
import { isAbsence, listOptionalDirectory } from '../storage/optional-file.ts';

/** The files of an image of the system, mounted or not. Paths are relative to its root, without links in between. */
export interface ImageFiles {
  /** Names in a folder; none when it is not there. */
  list(path: string): Promise<readonly string[]>;
  /** Where a symbolic link points; undefined when it is none. */
  readLink(path: string): Promise<string | undefined>;
  /** Undefined when there is no file. */
  readText(path: string): Promise<string | undefined>;
}

/** The files below a folder: `/`, or where an image is mounted. */
export function filesBelow(root: string): ImageFiles {
  return {
    list: (path) => listOptionalDirectory(join(root, path)),
    readLink: (path) => readlink(join(root, path)).catch(() => undefined),
    readText: (path) =>
      readFile(join(root, path), 'utf8').catch((error: NodeJS.ErrnoException) => {
        if (isAbsence(error) || error.code === 'EISDIR') return undefined;
        throw error;
      }),
  };
}

/** The files of an image in a repository. */
export async function filesOfTree(repository: Repository, tree: Directory): Promise<ImageFiles> {
  const { findNode, readFileNode, textOf } = await import('@workbench/composefs');
  const find = (path: string): Node | undefined => findNode(tree, path);
  return {
    list: async (path) => {
      const node = find(path);
      return node?.type === 'directory' ? [...node.entries.keys()].map(textOf) : [];
    },
    readLink: async (path) => {
      const node = find(path);
      return node?.type === 'symlink' ? textOf(node.target) : undefined;
    },
    readText: async (path) => {
      const node = find(path);
      return node?.type === 'file' ? (await readFileNode(repository, node)).toString('utf8') : undefined;
    },
  };
}

const maximalLinks = 40;

/**
 * Reads a file through symbolic links, which all stay within the image: one that is absolute begins at its root.
 *
 * @returns the text, and the path without links; undefined when there is no such file.
 */
export async function readThroughLinks(
  files: ImageFiles,
  path: string,
): Promise<{ path: string; text: string } | undefined> {
  let pending = path.split('/');
  let reached: string[] = [];
  let links = 0;
  while (pending.length > 0) {
    const [part, ...rest] = pending as [string, ...string[]];
    pending = rest;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      reached.pop();
      continue;
    }
    const target = await files.readLink([...reached, part].join('/'));
    if (target === undefined) {
      reached.push(part);
      continue;
    }
    if (++links > maximalLinks) return undefined;
    if (target.startsWith('/')) reached = [];
    pending = [...target.split('/'), ...pending];
  }
  const found = reached.join('/');
  const text = await files.readText(found);
  return text === undefined ? undefined : { path: found, text };
}
