/** One entry of an archive: a folder has no content. */
export interface CpioEntry {
  /** Path without a leading slash. */
  path: string;
  content?: string | Uint8Array;
  /** Permission bits; 0644 for files and 0755 for folders if undefined. */
  mode?: number;
}

const folderType = 0o040000;
const fileType = 0o100000;

/**
 * An uncompressed cpio archive in the "newc" form that the kernel unpacks as initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Owner is root, times are zero. Folders must come before
 * what is in them. The length is a multiple of 512, so that it may follow or precede another archive.
 */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.map(({ path, content, mode }, index) => {
    const data = content === undefined ? Buffer.alloc(0) : Buffer.from(content);
    const type = content === undefined ? folderType : fileType;
    return record(path, data, type | (mode ?? (content === undefined ? 0o755 : 0o644)), index + 1);
  });
  const archive = Buffer.concat([...parts, record('TRAILER!!!', Buffer.alloc(0), 0, 0)]);
  return Buffer.concat([archive, Buffer.alloc(padding(archive.length, 512))]);
}

function record(path: string, data: Buffer, mode: number, inode: number): Buffer {
  const name = Buffer.from(`${path}\0`);
  const links = mode === 0 ? 1 : (mode & folderType) === folderType ? 2 : 1;
  const fields = [inode, mode, 0, 0, links, 0, data.length, 0, 0, 0, 0, name.length, 0];
  const head = Buffer.concat([
    Buffer.from(`070701${fields.map((value) => value.toString(16).padStart(8, '0')).join('')}`),
    name,
  ]);
  return Buffer.concat([head, Buffer.alloc(padding(head.length, 4)), data, Buffer.alloc(padding(data.length, 4))]);
}

function padding(length: number, to: number): number {
  return (to - (length % to)) % to;
}
