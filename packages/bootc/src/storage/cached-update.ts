import { dirname, join } from 'node:path';
import {
  type CachedUpdate,
  cachedUpdatePath,
  formatCachedUpdate,
  parseCachedUpdate,
} from '../deployment/cached-update.ts';
import { readOptionalText } from './optional-file.ts';

/** Keeps what was found where the system looks for updates, until the next boot. */
export async function writeCachedUpdate(root: string, update: CachedUpdate): Promise<void> {
  const { makeDirectory, replaceFile } = await import('@workbench/composefs');
  const directory = join(root, cachedUpdatePath.directory);
  makeDirectory(dirname(directory), 0o755);
  makeDirectory(directory, 0o755);
  await replaceFile(directory, cachedUpdatePath.name, formatCachedUpdate(update));
}

/** What was found since the system was booted, if anything. */
export async function readCachedUpdate(root: string): Promise<CachedUpdate | undefined> {
  const path = join(root, cachedUpdatePath.directory, cachedUpdatePath.name);
  const text = await readOptionalText(path).catch(() => undefined);
  return text === undefined ? undefined : parseCachedUpdate(text);
}
