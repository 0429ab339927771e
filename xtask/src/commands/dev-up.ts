import { devVmName } from '../dev/dev-places.ts';
import { reportSteps } from '../steps/report-steps.ts';
import { note } from '../steps/step.ts';
import { withReport } from './print.ts';
import { settingsOf, vmOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const devUp = defineVerb({
  positionals: {},
  options: { ...vmOptions, replace: { type: 'boolean', describe: 'make the VM anew, also when there is one' } },
  examples: [['dev-up --filesystem=btrfs', 'a development VM of another cell']],
  run: async (args, { signal }) => {
    const startedAt = performance.now();
    const settings = await settingsOf(args);
    const { requireSecureBootKeys, testRequest } = await import('../settings/test-request.ts');
    const { chooseDevImage } = await import('../dev/dev-image.ts');
    const { upDevVm } = await import('../dev/dev-vm.ts');
    const { openBcvk } = await import('../vm/open-bcvk.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    await requireSecureBootKeys(settings.cell);
    return withReport((print) =>
      reportSteps(async () => {
        const { image, why, mustBuild } = await chooseDevImage(settings);
        note(`image ${image}: ${why}`);
        if (mustBuild) {
          const { buildImages } = await import('../image/build.ts');
          const { imageOptions } = await import('./image-options.ts');
          await buildImages({ ...imageOptions(settings), signal });
        }
        const request = testRequest(settings, wishesOf(image, [], args));
        const bcvk = await openBcvk(request.bcvk);
        const { buildId } = await upDevVm({ request, bcvk, replace: args.replace ?? false, signal });
        print(`${devVmName} is up with bootc build ${buildId}, after ${formatDuration(performance.now() - startedAt)}`);
        print('  just bcvk ssh     just bcvk sync --watch     just bcvk down');
        return 0;
      }),
    );
  },
});
