import { isUtf8 } from 'node:buffer';
import { type Dirent, lstatSync, type Stats } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Something in an image. Names are bytes, which need not be UTF-8. */
export interface FoundPath {
  /** Below the root of the image, with a slash before. */
  path: Buffer;
  /** Where it is on disk. */
  realPath: Buffer;
  entry: Dirent<Buffer>;
}

/**
 * Calls `visit` for everything below a folder of an image, a folder before what is in it; what it returns false for is not
 * gone into. Other file systems are left out: in a build those are of the container engine. A folder that is missing is empty.
 */
export async function walkRoot(
  root: string,
  folder: string,
  visit: (found: FoundPath) => boolean | Promise<boolean>,
): Promise<void> {
  const device = statsOf(Buffer.from(join(root, folder)))?.dev;
  const walk = async (realPath: Buffer, path: Buffer): Promise<void> => {
    const entries = await readdir(realPath, { withFileTypes: true, encoding: 'buffer' }).catch(() => []);
    for (const entry of entries.sort((a, b) => Buffer.compare(a.name, b.name))) {
      const step = Buffer.concat([Buffer.from('/'), entry.name]);
      const found = { path: Buffer.concat([path, step]), realPath: Buffer.concat([realPath, step]), entry };
      if (entry.isDirectory() && statsOf(found.realPath)?.dev !== device) continue;
      if ((await visit(found)) && entry.isDirectory()) await walk(found.realPath, found.path);
    }
  };
  await walk(Buffer.from(join(root, folder)), Buffer.from(folder === '.' ? '' : `/${folder}`));
}

function statsOf(path: Buffer): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

/** A path for people: bytes that are no UTF-8 in hexadecimal. */
export function showFoundPath(path: Buffer): string {
  if (isUtf8(path)) return path.toString('utf8');
  return path.toString('latin1').replaceAll(/[\x80-\xff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}
