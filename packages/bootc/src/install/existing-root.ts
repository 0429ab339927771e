import { CodedError } from '@workbench/run';
import { isContainer } from '../storage/environment.ts';
import { pathExists } from '../storage/optional-file.ts';
import { installMounts, type Mount, mountAt } from './mounts.ts';

/**
 * The root of the running system, to install over it. In a container it has to be handed over; on the system itself it is
 * bound to a place of its own, with all that is mounted in it.
 *
 * @throws CodedError `TARGET_MISSING` in a container without it.
 */
export async function openExistingRoot(path: string): Promise<AsyncDisposable & { path: string }> {
  if (await pathExists(path)) return { path, [Symbol.asyncDispose]: async () => undefined };
  if (await isContainer('/')) {
    throw new CodedError(
      'TARGET_MISSING',
      `there is no ${path}: the root of the host was not handed to this container`,
      {
        hint: 'run it with: podman run --rm --privileged --pid=host -v /:/target -v /dev:/dev IMAGE bootc install to-existing-root',
      },
    );
  }
  const mount: Mount = await mountAt('/', `${installMounts.root}.existing`, { options: ['rbind', 'rslave'] });
  return mount;
}
