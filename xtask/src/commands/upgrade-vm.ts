import { reportSteps } from '../steps/report-steps.ts';
import { cellOptions } from './cell-options.ts';
import { devBcvk, devSession } from './dev-session.ts';
import { imageOptions } from './image-options.ts';
import { printLines } from './print.ts';
import { settingsOf, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const upgradeVm = defineVerb({
  positionals: {},
  options: cellOptions,
  examples: [['upgrade-vm', 'the development VM moves to the sources of this moment, by bootc itself']],
  run: async (args, { signal }) => {
    const startedAt = performance.now();
    const settings = await settingsOf(args);
    const build = imageOptions(settings);
    const { testRequest } = await import('../settings/test-request.ts');
    const { buildImages } = await import('../image/build.ts');
    const { rebootDevVm } = await import('../dev/dev-vm.ts');
    const { upgradeGuest } = await import('../dev/upgrade-vm.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const { timeouts } = testRequest(settings, wishesOf('', [], {}));
    const bcvk = await devBcvk();
    const [{ digest }, isNew] = await reportSteps(async () => {
      const session = await devSession();
      const built = await buildImages({ ...build, signal });
      const reboot = () => rebootDevVm({ bcvk, session, timeouts, signal });
      return [built, await upgradeGuest({ session, ...built, reboot, signal })] as const;
    });
    const took = formatDuration(performance.now() - startedAt);
    printLines([`the guest ${isNew ? 'was upgraded to' : 'runs already'} ${digest}, after ${took}`]);
    return 0;
  },
});
