import { reportSteps } from '../steps/report-steps.ts';
import { devBcvk, devSession } from './dev-session.ts';
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
    const { buildSysext, rebootDevVm } = await import('../dev/dev-vm.ts');
    const { devPlaces } = await import('../dev/dev-places.ts');
    const { useSysextVersion } = await import('../dev/sync.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const { step } = await import('../steps/step.ts');
    const request = testRequest(settings, wishesOf('', [], {}));
    const bcvk = await devBcvk();
    const version = await reportSteps(async () => {
      const session = await devSession();
      const built = await buildSysext(signal);
      await rebootDevVm({ bcvk, session, timeouts: request.timeouts, signal });
      await step('sync', () => useSysextVersion(session, built, { folder: devPlaces.sysext, signal }));
      return built;
    });
    const took = formatDuration(performance.now() - startedAt);
    printLines([`the guest is back and runs build ${version.buildId}, after ${took}`]);
    return 0;
  },
});
