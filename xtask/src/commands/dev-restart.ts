import { reportSteps } from '../steps/report-steps.ts';
import { devBcvk } from './dev-session.ts';
import { printLines } from './print.ts';
import { settingsOf, vmOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const devRestart = defineVerb({
  positionals: {},
  options: { profile: vmOptions.profile },
  run: async (args, { signal }) => {
    const startedAt = performance.now();
    const settings = await settingsOf(args);
    const { testRequest } = await import('../settings/test-request.ts');
    const { buildSysext, openDevSession, rebootDevVm } = await import('../dev/dev-vm.ts');
    const { useSysextVersion } = await import('../dev/sync.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const { step } = await import('../steps/step.ts');
    const request = testRequest(settings, wishesOf('', [], {}));
    const bcvk = await devBcvk();
    const version = await reportSteps(async () => {
      const session = await openDevSession(bcvk);
      await rebootDevVm({ bcvk, session, timeouts: request.timeouts, signal });
      const built = await buildSysext(signal);
      await step('sync', () => useSysextVersion(session, built, signal));
      return built;
    });
    const took = formatDuration(performance.now() - startedAt);
    printLines([`the guest is back and runs build ${version.buildId}, after ${took}`]);
    return 0;
  },
});
