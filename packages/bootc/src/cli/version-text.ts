import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import packageJson from '../../package.json' with { type: 'json' };

/**
 * What `--version` prints: `bootc VERSION`, and of a bundled program also `(build ID)`. The id, a hash of the bundle that
 * is made with it, tells which of several programs on a disk it was that ran.
 *
 * @param program path of the running program; the id is in the file `build-id` beside it.
 */
export function versionText(program = process.argv[1] ?? ''): string {
  const version = `bootc ${packageJson.version}`;
  try {
    return `${version} (build ${readFileSync(join(dirname(program), 'build-id'), 'utf8').trim()})`;
  } catch {
    return version;
  }
}
