import { readFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';

/** How packages are installed on this machine. */
export type Distribution = 'apt' | 'dnf' | 'unknown';

/** The kind of distribution by its os-release(5) text. */
export function distributionOf(osRelease: string): Distribution {
  const { ID = '', ID_LIKE = '' } = parseEnv(osRelease);
  const family = new Set([ID, ...ID_LIKE.split(' ')]);
  if (family.has('debian')) return 'apt';
  return family.has('fedora') || family.has('rhel') ? 'dnf' : 'unknown';
}

/** The kind of distribution of this machine. */
export async function readDistribution(): Promise<Distribution> {
  return distributionOf(await readFile('/etc/os-release', 'utf8').catch(() => ''));
}

/** The command that installs packages whose names are known for each package manager. */
export function installCommand(distribution: Distribution, packages: { apt: string; dnf: string }): string {
  if (distribution === 'apt') return `apt-get install ${packages.apt}`;
  if (distribution === 'dnf') return `dnf install ${packages.dnf}`;
  return `install the packages that Debian calls ${packages.apt}`;
}
