import { existsSync, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Names, links and sizes of everything in a repository but the manifest's stream, whose bytes cfsctl varies. */
export function describeRepository(path: string): string[] {
  const streams = join(path, 'streams');
  const manifests = (existsSync(streams) ? readdirSync(streams) : [])
    .filter((name) => name.startsWith('oci-manifest'))
    .map((name) => readlinkSync(join(path, 'streams', name)).slice('../'.length));
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => !manifests.includes(name) && !/^objects\/..$/.test(name))
    .map((name) => {
      const stats = lstatSync(join(path, name));
      if (!stats.isSymbolicLink())
        return `${name} ${stats.isFile() ? stats.size : ''} ${(stats.mode & 0o777).toString(8)}`;
      return name.startsWith('streams/oci-manifest') ? name : `${name} -> ${readlinkSync(join(path, name))}`;
    })
    .sort();
}
