import { CodedError, run } from '@workbench/run';
import { sshArguments } from './ssh-command.ts';
import { writeKeyFile } from './ssh-key.ts';

/** How far a guest's clock may be off, in seconds: as far as a slow guest's login makes it uncertain. */
const toleranceSeconds = 2;
const tries = 4;

/** How a guest is reached. */
export interface GuestAddress {
  name: string;
  port: number;
  privateKey: string;
}

/**
 * Sets the clock of a guest that was stopped for a while: it goes on from where it stood. The guest must have an ssh server
 * that answers.
 *
 * @throws CodedError GUEST_CLOCK when it stays wrong; CommandError when there is no login
 */
export async function setGuestClock(guest: GuestAddress, signal: AbortSignal): Promise<void> {
  using key = writeKeyFile(guest.privateKey);
  const connection = { user: 'root', port: guest.port, keyFile: key.path, strictHostKeys: false, extraOptions: [] };
  const tell = async (command: string): Promise<number> => {
    const argv = sshArguments({ ...connection, connectTimeoutSeconds: 30, logLevel: 'ERROR' }, [command]);
    const { stdout } = await run(argv, { step: `set the clock of ${guest.name}`, timeoutMs: 60_000, signal });
    return Date.now() / 1000 - Number(stdout.trim());
  };
  let behind = await tell(`date --set=@${(Date.now() / 1000).toFixed(3)} >/dev/null && date +%s.%N`);
  for (let tryNumber = 1; Math.abs(behind) > toleranceSeconds && tryNumber < tries; tryNumber++) {
    // The login took its time. What the clock is to be moved by does not depend on how long the next one takes.
    behind = await tell(`date --set='${Math.round(behind)} seconds' >/dev/null && date +%s.%N`);
  }
  if (Math.abs(behind) <= toleranceSeconds) return;
  throw new CodedError('GUEST_CLOCK', `the clock of ${guest.name} is ${behind.toFixed(1)} s behind`, {
    hint: 'is the machine overloaded?',
  });
}
