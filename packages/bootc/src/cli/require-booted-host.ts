import { CodedError } from '@workbench/run';
import { notBootedHost } from '../storage/booted-storage.ts';
import { type BootedHost, detectEnvironment } from '../storage/environment.ts';

/**
 * Makes sure that a verb that changes the booted system can do so at all.
 *
 * @throws CodedError `NOT_A_BOOTED_HOST` in a container or on a system that was not booted from composefs,
 * `ROOT_REQUIRED` without root.
 */
export async function requireBootedHost(): Promise<BootedHost> {
  const environment = await detectEnvironment('/');
  if (environment.kind !== 'composefs') throw notBootedHost(environment.kind);
  if (process.getuid?.() !== 0) {
    throw new CodedError('ROOT_REQUIRED', 'this command must be run as root', { hint: 'use sudo' });
  }
  return environment;
}
