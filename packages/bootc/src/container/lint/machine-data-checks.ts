import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { readOptionalText } from '../../storage/optional-file.ts';
import type { LintCheck, LintFinding, LintTarget } from './check.ts';
import { readConfigurationFiles, readTmpfiles } from './tmpfiles.ts';
import { showFoundPath, walkRoot } from './walk-root.ts';

const sysusersFolders = ['usr/lib/sysusers.d', 'usr/local/lib/sysusers.d', 'etc/sysusers.d'];

/** Checks of what belongs to machines: an image gives it to them at their installation only, never with an update. */
export const machineDataChecks: readonly LintCheck[] = [
  {
    name: 'var-tmpfiles',
    level: 'warning',
    description: 'What is in /var comes to a machine at its installation only; tmpfiles.d(5) makes it later, too',
    run: checkVar,
  },
  {
    name: 'sysusers',
    level: 'warning',
    description: 'Users and groups come to a machine at its installation only; sysusers.d(5) makes them later, too',
    run: checkUsers,
  },
];

async function checkVar({ root }: LintTarget): Promise<LintFinding | undefined> {
  const { made, copied } = await readTmpfiles(root);
  const lines: string[] = [];
  const files: string[] = [];
  await walkRoot(root, 'var', ({ path, realPath, entry }) => {
    const shown = showFoundPath(path);
    if (copied.some((prefix) => shown === prefix || shown.startsWith(`${prefix}/`))) return false;
    if (made.has(shown)) return true;
    if (entry.isDirectory()) {
      const { mode, uid, gid } = lstatSync(realPath);
      lines.push(`d ${shown} ${(mode & 0o7777).toString(8).padStart(4, '0')} ${uid} ${gid} - -`);
    } else if (entry.isSymbolicLink()) {
      lines.push(`L ${shown} - - - - ${readlinkSync(realPath)}`);
    } else {
      files.push(shown);
    }
    return true;
  });
  if (lines.length + files.length === 0) return undefined;
  return {
    message: `Found content in /var missing systemd tmpfiles.d entries: ${lines.length} folders and links, ${files.length} files`,
    items: [...lines, ...files],
  };
}

async function checkUsers({ root }: LintTarget): Promise<LintFinding | undefined> {
  const texts = await readConfigurationFiles(root, sysusersFolders);
  const { users, groups } = parseSysusers(texts);
  for (const name of await namesOf(root, 'usr/lib/passwd')) users.add(name);
  for (const name of await namesOf(root, 'usr/lib/group')) groups.add(name);
  const items = [
    ...(await namesOf(root, 'etc/passwd')).filter((name) => !users.has(name)).map((name) => `user ${name}`),
    ...(await namesOf(root, 'etc/group')).filter((name) => !groups.has(name)).map((name) => `group ${name}`),
  ];
  return items.length === 0
    ? undefined
    : { message: 'Found users or groups without corresponding systemd sysusers.d entries', items };
}

/** The users and groups that sysusers.d(5) files make. root and its group are made in any case. */
export function parseSysusers(texts: readonly string[]): { users: Set<string>; groups: Set<string> } {
  const users = new Set(['root']);
  const groups = new Set(['root']);
  for (const line of texts.flatMap((text) => text.split('\n'))) {
    const [type, name, id] = line.trim().split(/\s+/);
    if (name === undefined) continue;
    if (/^u!?$/.test(type!)) {
      users.add(name);
      // `UID:GID` puts the user into a group that is there.
      if (id?.includes(':') !== true) groups.add(name);
    }
    if (type === 'g') groups.add(name);
    if (type === 'm') {
      users.add(name);
      if (id !== undefined) groups.add(id);
    }
  }
  return { users, groups };
}

async function namesOf(root: string, file: string): Promise<string[]> {
  const text = (await readOptionalText(join(root, file))) ?? '';
  return text
    .split('\n')
    .filter((line) => line.includes(':') && !line.startsWith('#'))
    .map((line) => line.slice(0, line.indexOf(':')));
}
