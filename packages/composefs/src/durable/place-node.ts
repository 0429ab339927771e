import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { listAttributes, readAttribute, removeAttribute, writeAttribute } from '../syscalls/extended-attributes.ts';
import { isSystemError, showPath } from '../syscalls/libc.ts';
import { unlinkIfPresent } from './remove.ts';
import { beforeMutation } from './seam.ts';

/** Owner, permissions (the low 12 bits of `st_mode`), time of change and extended attributes of what is placed. */
export interface PlacedAttributes {
  permissions: number;
  uid: number;
  gid: number;
  /** Seconds since 1970, and nanoseconds below 10^9. */
  mtimeSeconds: bigint;
  mtimeNanoseconds: number;
  /** Full name to value. */
  xattrs: ReadonlyMap<string, Uint8Array>;
}

/** Content of a file that is to be written: the bytes, or the descriptor of another file that is read from its beginning. */
export type PlacedContent = { data: Uint8Array } | { fd: number };

/**
 * Puts a regular file with these attributes at a path, in the place of whatever else but a directory is there. Nothing is
 * synced: after a loss of power the path may be missing, or hold a part of the content; the caller syncs before anything counts
 * on it. A program that is stopped leaves the same.
 *
 * @throws a system error; `EEXIST` or `EISDIR` if a directory is there.
 */
export function placeFile(path: Buffer, content: PlacedContent, metadata: PlacedAttributes): void {
  unlinkIfPresent(path);
  beforeMutation('create', showPath(path));
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    beforeMutation('write', showPath(path));
    if ('data' in content) writeAll(fd, content.data, content.data.length);
    else copyContent(content.fd, fd);
    if (isOwnedByOthers(fstatSync(fd), metadata)) fchownSync(fd, metadata.uid, metadata.gid);
    // After the owner, since changing that drops the set-user-id bits.
    fchmodSync(fd, metadata.permissions);
    for (const [name, value] of metadata.xattrs) writeAttribute(path, name, value);
  } finally {
    closeSync(fd);
  }
  setTime(path, metadata);
}

/** Puts a symbolic link at a path, its target a byte string (`latin1`); otherwise as {@link placeFile}. */
export function placeSymlink(path: Buffer, target: string, metadata: PlacedAttributes): void {
  unlinkIfPresent(path);
  beforeMutation('symlink', showPath(path));
  symlinkSync(Buffer.from(target, 'latin1'), path);
  if (isOwnedByOthers(lstatSync(path), metadata)) lchownSync(path, metadata.uid, metadata.gid);
  for (const [name, value] of metadata.xattrs) writeAttribute(path, name, value);
  setTime(path, metadata);
}

/**
 * Makes a directory unless it is there, and gives it these attributes in either case: owner, permissions, and exactly these
 * extended attributes. Its time is that of its last change. Nothing is synced; a program that is stopped may leave it with
 * a part of the attributes.
 *
 * @throws a system error; `ENOTDIR` if something else is there.
 */
export function placeDirectory(path: Buffer, metadata: PlacedAttributes): void {
  try {
    beforeMutation('mkdir', showPath(path));
    mkdirSync(path, 0o700);
  } catch (error) {
    if (!isSystemError(error, 'EEXIST')) throw error;
    if (!lstatSync(path).isDirectory()) {
      throw Object.assign(new Error(`ENOTDIR: mkdir '${showPath(path)}'`), {
        code: 'ENOTDIR',
        syscall: 'mkdir',
        path: showPath(path),
      });
    }
  }
  beforeMutation('attributes', showPath(path));
  if (isOwnedByOthers(lstatSync(path), metadata)) lchownSync(path, metadata.uid, metadata.gid);
  chmodSync(path, metadata.permissions);
  for (const name of listAttributes(path)) if (!metadata.xattrs.has(name)) removeAttribute(path, name);
  for (const [name, value] of metadata.xattrs) {
    const present = readAttribute(path, name);
    if (present === undefined || Buffer.compare(present, value) !== 0) writeAttribute(path, name, value);
  }
}

function isOwnedByOthers(stats: { uid: number; gid: number }, metadata: PlacedAttributes): boolean {
  return stats.uid !== metadata.uid || stats.gid !== metadata.gid;
}

function setTime(path: Buffer, { mtimeSeconds, mtimeNanoseconds }: PlacedAttributes): void {
  const seconds = Number(mtimeSeconds) + mtimeNanoseconds / 1e9;
  lutimesSync(path, seconds, seconds);
}

function copyContent(from: number, to: number): void {
  const buffer = Buffer.alloc(1 << 16);
  let position = 0;
  for (let length = -1; length !== 0; position += length) {
    length = readSync(from, buffer, 0, buffer.length, position);
    writeAll(to, buffer, length);
  }
}

function writeAll(fd: number, bytes: Uint8Array, length: number): void {
  for (let written = 0; written < length; ) written += writeSync(fd, bytes, written, length - written);
}
