import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError, run } from '@workbench/run';

/** What a restart restarts: everything, or only userspace (systemd-soft-reboot.service(8)). */
export type RebootKind = 'reboot' | 'soft-reboot';

/** Longer than systemd waits for any unit at shutdown. */
const shutdownMs = 15 * 60_000;

/**
 * Restarts the system and waits to be stopped by that. The caller holds no lock and no open storage: the unit that
 * finalizes a staged deployment runs while the system goes down.
 *
 * @throws CommandError of systemctl; CodedError `REBOOT_DID_NOT_COME` when the system is still there a quarter of an hour later.
 */
export async function rebootSystem(kind: RebootKind, reason: string): Promise<never> {
  // In a unit of its own, so that the request outlives the session that this program may belong to.
  const argv = [
    'systemd-run',
    '--quiet',
    '--',
    'systemctl',
    kind,
    ...(kind === 'reboot' ? [`--message=${reason}`] : []),
  ];
  await run(argv as [string, ...string[]], { step: `ask systemd for a ${kind}`, timeoutMs: 60_000 });
  await sleep(shutdownMs);
  throw new CodedError('REBOOT_DID_NOT_COME', `systemd accepted the ${kind}, but the system still runs`, {
    hint: 'systemctl list-jobs shows what the shutdown waits for',
  });
}
