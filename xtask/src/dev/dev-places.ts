import { join } from 'node:path';
import { workspace } from '../settings/workspace.ts';

/** The one VM of the daily loop. */
export const devVmName = 'bootc-dev';

/** What is kept of it in a folder of generated things, `target/`. */
export function devPlacesIn(target: string) {
  const logs = join(target, 'dev');
  return {
    sysext: join(target, 'sysext'),
    logs,
    keyFile: join(target, `${devVmName}.ssh-key`),
    socket: join(logs, 'ssh'),
    connection: join(logs, 'connection.json'),
    guest: join(target, 'guest'),
  } as const;
}

/** What is kept of it in this checkout. */
export const devPlaces = devPlacesIn(workspace.target);
