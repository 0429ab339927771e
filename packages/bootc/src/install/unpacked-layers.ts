import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Finds a path of an image in its unpacked layers, the topmost first, as overlayfs would: a layer above that removes it, or a folder
 * it is in, hides it. Opaque folders are not looked at: they hide too much at worst, and then the import finds out.
 *
 * @returns where it lies; undefined when the image does not have it.
 */
export async function findInLayers(folders: readonly string[], path: string): Promise<string | undefined> {
  for (const folder of folders) {
    const verdict = await lookUp(folder, path);
    if (verdict !== 'unknown') return verdict === 'present' ? join(folder, path) : undefined;
  }
  return undefined;
}

/** The names in a folder of an image, sorted; see {@link findInLayers}. Empty when there is no such folder. */
export async function namesInLayers(folders: readonly string[], directory: string): Promise<string[]> {
  const names = new Set<string>();
  for (const folder of folders) {
    for (const name of await readdir(join(folder, directory)).catch(() => [])) names.add(name);
  }
  const found = await Promise.all([...names].map((name) => findInLayers(folders, join(directory, name))));
  return [...names].filter((_, index) => found[index] !== undefined).sort();
}

// The topmost layer that says anything about the path, or about a folder it is in, decides.
async function lookUp(folder: string, path: string): Promise<'present' | 'removed' | 'unknown'> {
  const parts = path.split('/');
  for (let depth = 1; depth <= parts.length; depth++) {
    const found = await lstat(join(folder, ...parts.slice(0, depth))).catch(() => undefined);
    if (found === undefined) return 'unknown';
    if (found.isCharacterDevice() && found.rdev === 0) return 'removed';
  }
  return 'present';
}
