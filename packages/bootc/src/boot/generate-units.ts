import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { replaceSymlink } from '@workbench/composefs';
import { pathExists, readOptionalText } from '../storage/optional-file.ts';
import { findComposefsArgument, parseKernelArguments } from './kernel-arguments.ts';

const unitFolder = '/usr/lib/systemd/system';

/** Units that every boot of a deployment wants; their own conditions tell whether they have anything to do. */
const wantedUnits = ['bootc-early-overlay-relabel.service', 'bootc-sysusers-shadow-sync.service'];

/**
 * `bootc internals systemd-generator` (systemd.generator(7)): makes sysinit.target want the units of this program on a system that is
 * booted from a deployment. Our images have these links already, which costs nothing at boot; this is for images that are built
 * without.
 *
 * @param directory the folder of generated units.
 */
export async function generateUnits(root: string, directory: string): Promise<void> {
  const commandLine = (await readOptionalText(join(root, 'proc/cmdline'))) ?? '';
  if (findComposefsArgument(parseKernelArguments(commandLine)) === undefined) return;
  const wants = join(directory, 'sysinit.target.wants');
  for (const unit of wantedUnits) {
    if (!(await pathExists(join(root, unitFolder, unit)))) continue;
    mkdirSync(wants, { recursive: true });
    replaceSymlink(join(wants, unit), join(unitFolder, unit), wants);
  }
}
