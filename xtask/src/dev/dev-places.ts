import { join } from 'node:path';
import { workspace } from '../settings/workspace.ts';

/** The one VM of the daily loop. */
export const devVmName = 'bootc-dev';

/** What is kept of it in this checkout. */
export const devPlaces = {
  sysext: join(workspace.target, 'sysext'),
  logs: join(workspace.target, 'dev'),
  keyFile: join(workspace.target, `${devVmName}.ssh-key`),
  socket: join(workspace.target, 'dev', 'ssh'),
  connection: join(workspace.target, 'dev', 'connection.json'),
  guest: join(workspace.target, 'guest'),
} as const;
