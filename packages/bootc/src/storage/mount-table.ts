import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One mount, as proc_pid_mountinfo(5) lists it. */
export interface Mount {
  /** `major:minor` of the file system's device. */
  device: string;
  /** The folder of the file system that is mounted: `/` unless it is a bind mount. */
  rootInFilesystem: string;
  mountPoint: string;
  /** Options of this mount, `ro` or `rw` among them. */
  options: readonly string[];
  filesystem: string;
  source: string;
}

/** Reads a mountinfo file; lines it cannot make sense of are passed over. In the order of the file: later covers earlier. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left, right] = line.split(' - ', 2);
    const [, , device, rootInFilesystem, mountPoint, options] = left!.split(' ');
    const [filesystem, source] = (right ?? '').split(' ');
    if (options === undefined || source === undefined) return [];
    return [
      {
        device: device!,
        rootInFilesystem: unescapeField(rootInFilesystem!),
        mountPoint: unescapeField(mountPoint!),
        options: options.split(','),
        filesystem: filesystem!,
        source: unescapeField(source),
      },
    ];
  });
}

// The kernel writes blank, tab, newline and backslash in octal.
function unescapeField(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mount that is seen at this path: the last one there. */
export function mountAt(mounts: readonly Mount[], mountPoint: string): Mount | undefined {
  return mounts.findLast((mount) => mount.mountPoint === mountPoint);
}

/** The mounts of this process, below a root that may be a stand-in for `/`. */
export async function readMountTable(root: string): Promise<Mount[]> {
  return parseMountInfo(await readFile(join(root, 'proc/self/mountinfo'), 'utf8'));
}
