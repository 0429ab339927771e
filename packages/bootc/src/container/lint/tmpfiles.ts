import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listOptionalDirectory } from '../../storage/optional-file.ts';

/** Folders of tmpfiles.d(5) in an image; a file of a later one masks its namesake in an earlier one. */
const folders = ['usr/lib/tmpfiles.d', 'usr/local/lib/tmpfiles.d', 'etc/tmpfiles.d'];

/** What systemd-tmpfiles makes at boot. */
export interface TmpfilesPaths {
  /** Paths of which exactly this one is made. */
  made: ReadonlySet<string>;
  /** Paths that are made with all below them, from a copy. */
  copied: readonly string[];
}

/** The types of line that make something, by their first letter. */
const makingTypes = 'fFdDvqQpLcb';

/** Reads the lines of tmpfiles.d(5) files; those that make nothing, and those it cannot make sense of, are passed over. */
export function parseTmpfiles(texts: readonly string[]): TmpfilesPaths {
  const made = new Set<string>();
  const copied: string[] = [];
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [type, rawPath] = splitFields(line);
    if (type === undefined || rawPath === undefined || type.startsWith('#')) continue;
    const path = rawPath.replace(/(?<=.)\/+$/, '');
    if (makingTypes.includes(type[0]!)) made.add(path);
    if (type[0] === 'C') copied.push(path);
  }
  return { made, copied };
}

function splitFields(line: string): string[] {
  const fields = line.trim().match(/"(?:[^"\\]|\\.)*"|'[^']*'|\S+/g) ?? [];
  return fields.map((field) => field.replace(/^(["'])(.*)\1$/, '$2'));
}

/** Reads all tmpfiles.d(5) files of an image. */
export async function readTmpfiles(root: string): Promise<TmpfilesPaths> {
  return parseTmpfiles(await readConfigurationFiles(root, folders));
}

/** The texts of the `*.conf` files in folders of an image, one for each name, in the order of the names. */
export async function readConfigurationFiles(root: string, directories: readonly string[]): Promise<string[]> {
  const paths = new Map<string, string>();
  for (const directory of directories) {
    for (const name of await listOptionalDirectory(join(root, directory))) {
      if (name.endsWith('.conf')) paths.set(name, join(root, directory, name));
    }
  }
  const names = [...paths.keys()].sort();
  // A link to /dev/null masks a file.
  return Promise.all(names.map((name) => readFile(paths.get(name)!, 'utf8').catch(() => '')));
}
