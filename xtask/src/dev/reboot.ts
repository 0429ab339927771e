import { CommandError } from '@workbench/run';
import { progress, step } from '../steps/step.ts';
import type { GuestDeath } from '../vm/guest-death.ts';
import type { GuestMonitor } from '../vm/guest-monitor.ts';
import type { Clock } from '../vm/waits/clock.ts';
import { DeadlineError, firstOf } from '../vm/waits/first-of.ts';
import type { GuestSession } from './guest-session.ts';

/** What a reboot is waited for with. */
export interface RebootOptions {
  session: Pick<GuestSession, 'script' | 'close'>;
  monitor: Pick<GuestMonitor, 'died' | 'describeDeath' | 'phase'>;
  deadlineMs: number;
  clock: Clock;
  signal: AbortSignal;
}

/**
 * Reboots a guest and waits until it is back. The proof is another boot id (random(4)), not that it went away or answers.
 *
 * @returns the new boot id.
 * @throws GuestDeath when the guest dies on the way, or does not come back in time.
 */
export function rebootGuest(options: RebootOptions): Promise<string> {
  const { session, monitor, signal } = options;
  return step('reboot', async () => {
    const before = await bootId(session, signal);
    // The connection may be gone before ssh has its answer.
    await session.script('systemctl reboot', { step: 'reboot the guest', signal }).catch(ignoreLostConnection);
    await session.close();
    try {
      return await firstOf(
        {
          ready: async (abort) => {
            const now = await bootId(session, abort).catch((error: unknown) => {
              ignoreLostConnection(error);
              return undefined;
            });
            if (now !== undefined && now !== before) return { ready: now };
            const why = now === before ? 'the old system still answers' : 'no answer';
            return { notYet: `${why}${monitor.phase === undefined ? '' : `; the guest is in phase ${monitor.phase}`}` };
          },
          dead: [monitor.died],
        },
        {
          what: 'the guest to come back',
          deadlineMs: options.deadlineMs,
          intervalMs: 1000,
          clock: options.clock,
          signal,
          onReason: progress,
        },
      );
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      throw rebootFailed(monitor, error);
    }
  });
}

async function bootId(session: RebootOptions['session'], signal: AbortSignal): Promise<string> {
  const options = { step: 'ask for the boot id', timeoutMs: 30_000, signal };
  return (await session.script('cat /proc/sys/kernel/random/boot_id', options)).stdout.trim();
}

function rebootFailed(monitor: RebootOptions['monitor'], error: DeadlineError): GuestDeath {
  return monitor.describeDeath('GUEST_NOT_REBOOTED', 'did not come back from a reboot', {
    class: 'product',
    evidence: error.lastReason,
    hint: 'the console log shows how far it came',
  });
}

function ignoreLostConnection(error: unknown): void {
  if (!(error instanceof CommandError) || error.failure === 'aborted' || error.failure === 'not-found') throw error;
}
