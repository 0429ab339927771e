import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
} from 'node:fs';
import { join } from 'node:path';
import { readAttributeOfFd } from '../syscalls/extended-attributes.ts';
import { isSystemError } from '../syscalls/libc.ts';
import { damagedStorage } from './errors.ts';
import type { LocatedLayer, Store } from './store.ts';

/** An open file of a layer. */
export interface LayerFile {
  fd: number;
  stats: Stats;
}

/**
 * Opens a regular file of a layer by its path in the archive; the caller closes it. Where the layer itself has a stub of
 * it only (an overlay copied up nothing but metadata), a parent has the content.
 *
 * @param folders with the files of the layer itself and then of its parents, as {@link findLayerFolders} gives them.
 * @throws CodedError `STORAGE_DAMAGED` if it is not there, is no regular file, is not of that size, or leads out of the
 * layer.
 */
export function openLayerFile(folders: readonly string[], path: Uint8Array, sizeBytes: number): LayerFile {
  const relative = cleanPath(Buffer.from(path));
  const shown = `${folders[0]}/${relative}`;
  if (relative.toString('latin1').split('/').includes('..')) throw damagedStorage(shown, 'the path leads outside');
  for (const folder of folders) {
    const file = openIn(folder, relative);
    if (file === undefined) continue;
    if (!file.stats.isFile() || file.stats.size !== sizeBytes) {
      closeSync(file.fd);
      throw damagedStorage(shown, `it is no file of ${sizeBytes} bytes, as the layer has it`);
    }
    return file;
  }
  throw damagedStorage(shown, 'the file is missing');
}

function openIn(folder: string, relative: Buffer): LayerFile | undefined {
  const path = Buffer.concat([Buffer.from(`${folder}/`), relative]);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
  const stats = fstatSync(fd);
  if (isInside(fd, path) && !isStub(fd, stats)) return { fd, stats };
  closeSync(fd);
  return undefined;
}

// Archives have the files of a directory one after the other, and asking the kernel is as dear as opening the file.
let lastInside: Buffer | undefined;

/** Whether no directory of the path that a file was opened by is a symlink, which might lead out of the layer. */
function isInside(fd: number, path: Buffer): boolean {
  const directory = path.subarray(0, path.lastIndexOf('/'));
  if (lastInside?.equals(directory)) return true;
  if (!readlinkSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' }).equals(path)) return false;
  lastInside = directory;
  return true;
}

// A stub has the size of the file and no block; asking for attributes is dear where the storage is on a shared file
// system.
function isStub(fd: number, stats: Stats): boolean {
  if (stats.blocks !== 0) return false;
  return ['trusted.overlay.metacopy', 'user.overlay.metacopy'].some(
    (name) => readAttributeOfFd(fd, name) !== undefined,
  );
}

function cleanPath(path: Buffer): Buffer {
  return Buffer.from(
    path
      .toString('latin1')
      .split('/')
      .filter((part) => part !== '' && part !== '.')
      .join('/'),
    'latin1',
  );
}

/**
 * The folders with the files of a layer and then of its parents, the nearest first.
 *
 * @throws CodedError `STORAGE_DAMAGED` if one is missing.
 */
export function findLayerFolders(stores: readonly Store[], layer: LocatedLayer): string[] {
  const overlay = join(layer.store.root, 'overlay');
  const folders = [join(overlay, layer.id, 'diff')];
  for (const link of readLower(join(overlay, layer.id, 'lower'))) {
    // The short names of a layer in an additional store are links of that store.
    const found = [layer.store, ...stores].map(({ root }) => join(root, 'overlay', link)).find(exists);
    if (found === undefined) throw damagedStorage(layer.store.root, `${link}, a parent of ${layer.id}, is missing`);
    folders.push(found);
  }
  if (!exists(folders[0] as string)) throw damagedStorage(layer.store.root, `the layer ${layer.id} has no files`);
  return folders.map((folder) => realpathSync(folder));
}

function readLower(path: string): string[] {
  try {
    return readFileSync(path, 'utf8')
      .trim()
      .split(':')
      .filter((link) => link !== '');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return [];
    throw error;
  }
}

function exists(path: string): boolean {
  try {
    realpathSync(path);
    return true;
  } catch {
    return false;
  }
}
