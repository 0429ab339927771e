import { callLibc, cString, isSystemError } from './libc.ts';

/** The kernel's bounds of one value and of a list of names (xattr(7)): a buffer of this size is always enough. */
const largestBytes = 65536;
let scratch: Uint8Array | undefined;

/**
 * Names of the extended attributes of a file, of a symlink itself where the path is one (llistxattr(2)), in no order.
 * Each is a byte string: one code unit (`latin1`) a byte. A file system without attributes has none.
 *
 * @throws a system error, for example `ENOENT`.
 */
export function listAttributes(path: string | Uint8Array): string[] {
  scratch ??= new Uint8Array(largestBytes);
  try {
    const context = { syscall: 'llistxattr', path };
    const length = callLibc('llistxattr', [cString(path), scratch, largestBytes], context);
    return length === 0 ? [] : latin1(scratch.subarray(0, length - 1)).split('\0');
  } catch (error) {
    if (isSystemError(error, 'EOPNOTSUPP')) return [];
    throw error;
  }
}

/**
 * Value of one extended attribute of a file, of a symlink itself where the path is one (lgetxattr(2)); undefined if it has
 * no such attribute, or its file system has none at all.
 *
 * @throws a system error, for example `ENOENT`.
 */
export function readAttribute(path: string | Uint8Array, name: string): Uint8Array | undefined {
  return readInto((buffer) =>
    callLibc('lgetxattr', [cString(path), attributeName(name), buffer, largestBytes], {
      syscall: 'lgetxattr',
      path,
    }),
  );
}

/** As {@link readAttribute}, of an open file (fgetxattr(2)). */
export function readAttributeOfFd(fd: number, name: string): Uint8Array | undefined {
  return readInto((buffer) =>
    callLibc('fgetxattr', [fd, attributeName(name), buffer, largestBytes], { syscall: 'fgetxattr', path: `fd ${fd}` }),
  );
}

/**
 * Sets one extended attribute of a file, of a symlink itself where the path is one (lsetxattr(2)), new or replaced.
 *
 * @throws a system error; `EOPNOTSUPP` if the file system has no such attributes, `EPERM` if the caller may not.
 */
export function writeAttribute(path: string | Uint8Array, name: string, value: Uint8Array): void {
  const context = { syscall: 'lsetxattr', path };
  callLibc('lsetxattr', [cString(path), attributeName(name), value, value.length, 0], context);
}

/**
 * Removes one extended attribute of a file, of a symlink itself where the path is one (lremovexattr(2)).
 *
 * @throws a system error; `ENODATA` if it has no such attribute.
 */
export function removeAttribute(path: string | Uint8Array, name: string): void {
  callLibc('lremovexattr', [cString(path), attributeName(name)], { syscall: 'lremovexattr', path });
}

function readInto(fill: (buffer: Uint8Array) => number): Uint8Array | undefined {
  scratch ??= new Uint8Array(largestBytes);
  try {
    return scratch.slice(0, fill(scratch));
  } catch (error) {
    if (isSystemError(error, 'ENODATA', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

function attributeName(name: string): Uint8Array {
  return cString(Buffer.from(name, 'latin1'));
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
