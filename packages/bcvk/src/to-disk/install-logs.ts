import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** How many logs of installations that failed stay. */
const keptLogs = 5;
const nameStart = 'install-';

/** The folder for the logs of one installation; it stays when that fails. */
export function installLogFolder(cacheFolder: string, nonce: string): string {
  return join(cacheFolder, 'logs', `${nameStart}${nonce}`);
}

/**
 * Removes the logs of installations that failed, but for the last five.
 *
 * @param runningNonces the installations that go on: their logs stay, and do not count.
 */
export function pruneInstallLogs(cacheFolder: string, runningNonces: readonly string[]): void {
  const parent = join(cacheFolder, 'logs');
  const running = new Set(runningNonces.map((nonce) => `${nameStart}${nonce}`));
  const failed = (existsSync(parent) ? readdirSync(parent) : [])
    .filter((name) => name.startsWith(nameStart) && !running.has(name))
    // Another process may prune them too.
    .map((name) => ({ name, time: statSync(join(parent, name), { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.time - a.time);
  for (const { name } of failed.slice(keptLogs)) rmSync(join(parent, name), { recursive: true, force: true });
}
