import { statSync } from 'node:fs';
import { join } from 'node:path';
import { exchange, placeFile, removeFile, syncFilesystem } from '@workbench/composefs';
import { run } from '@workbench/run';
import { pathExists, readOptionalText } from '../storage/optional-file.ts';

/** A file of secrets, and the files that name whom they may be of. */
const secretFiles = [
  { secrets: 'etc/shadow', names: ['etc/passwd', 'usr/lib/passwd'] },
  { secrets: 'etc/gshadow', names: ['etc/group', 'usr/lib/group'] },
] as const;

/**
 * The lines of shadow(5) or gshadow(5) without those of names that there are not, and without a second line for a name.
 *
 * @returns the new text, and the names whose lines went.
 */
export function withoutStaleSecrets(text: string, known: ReadonlySet<string>): { text: string; removed: string[] } {
  const seen = new Set<string>();
  const removed: string[] = [];
  const kept = text.split('\n').filter((line) => {
    const name = /^([^:#\s][^:]*):/.exec(line)?.[1];
    if (name === undefined) return true;
    const stays = known.has(name) && !seen.has(name);
    if (!stays) removed.push(name);
    seen.add(name);
    return stays;
  });
  return { text: kept.join('\n'), removed };
}

/**
 * `bootc internals sysusers-sync`: takes the secrets of users and groups that there are not any more out of a system's `/etc`,
 * which else keep systemd-sysusers(8) from making them anew. Each file is on disk, whole, with its old content or the new.
 *
 * @param root `/`, or what stands in for it.
 * @returns the names whose lines were removed, by file.
 */
export async function syncSysusers(root: string): Promise<Map<string, readonly string[]>> {
  const changed = new Map<string, readonly string[]>();
  for (const { secrets, names } of secretFiles) {
    const text = await readOptionalText(join(root, secrets));
    if (text === undefined) continue;
    const texts = await Promise.all(names.map((path) => readOptionalText(join(root, path))));
    const known = new Set(texts.flatMap((content) => namesIn(content ?? '')));
    // Without names every secret would be stale, and nobody could log in any more.
    if (known.size === 0) continue;
    const { text: newText, removed } = withoutStaleSecrets(text, known);
    if (removed.length === 0) continue;
    await replaceSecrets(join(root, secrets), newText);
    changed.set(`/${secrets}`, removed);
  }
  return changed;
}

function namesIn(text: string): string[] {
  return text.split('\n').flatMap((line) => /^([^:#\s][^:]*):/.exec(line)?.[1] ?? []);
}

// Owner and mode have to be right before the name is, so the new file is made beside the old one and takes its place.
async function replaceSecrets(path: string, text: string): Promise<void> {
  const directory = join(path, '..');
  const name = path.slice(directory.length + 1);
  const temporary = `.${name}.new`;
  const { uid, gid, mode, mtimeMs } = statSync(path);
  placeFile(
    Buffer.from(join(directory, temporary)),
    { data: Buffer.from(text) },
    {
      permissions: mode & 0o7777,
      uid,
      gid,
      mtimeSeconds: BigInt(Math.floor(mtimeMs / 1000)),
      mtimeNanoseconds: 0,
      xattrs: new Map(),
    },
  );
  await syncFilesystem(directory);
  await exchange(directory, temporary, name);
  await removeFile(join(directory, temporary));
  if (await pathExists('/sys/fs/selinux/enforce')) {
    await run(['restorecon', path], { step: `label ${path}`, timeoutMs: 60_000 });
  }
}

/** The same on the running system; tells what was removed. */
export async function runSyncSysusers(): Promise<void> {
  for (const [file, names] of await syncSysusers('/')) {
    process.stdout.write(`Removed stale entries of ${file}: ${names.join(', ')}\n`);
  }
}
