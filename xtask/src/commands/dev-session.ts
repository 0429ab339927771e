import type { GuestSession } from '../dev/guest-session.ts';
import type { BcvkClient } from '../vm/bcvk-client.ts';
import { settingsOf } from './test-options.ts';

/** The bcvk of this machine, as the settings say. */
export async function devBcvk(): Promise<BcvkClient> {
  const settings = await settingsOf({});
  const { openBcvk } = await import('../vm/open-bcvk.ts');
  return openBcvk(settings.variables.get('BOOTC_bcvk')?.value);
}

/**
 * A session in the running development VM.
 *
 * @throws CodedError DEV_VM_MISSING, DEV_VM_STOPPED, DEV_VM_OTHER_CHECKOUT.
 */
export async function devSession(): Promise<GuestSession> {
  const { openDevSession, reuseDevSession } = await import('../dev/dev-connection.ts');
  return (await reuseDevSession()) ?? openDevSession(await devBcvk());
}
