import { run } from '@workbench/run';

/** The unit that finalizes the staged deployment when it is stopped, which is when the system goes down. */
export const finalizeUnit = 'bootc-finalize-staged.service';

/** Starts {@link finalizeUnit}, so that it is there to be stopped. @throws CommandError of systemctl. */
export async function startFinalizeUnit(): Promise<void> {
  await run(['systemctl', 'start', '--quiet', finalizeUnit], {
    step: 'have the staged deployment finalized when the system goes down',
    timeoutMs: 120_000,
  });
}
