import { reportSteps } from '../steps/report-steps.ts';
import { devSession } from './dev-session.ts';
import { withReport } from './print.ts';
import { settingsOf, testOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

/** What is run where nothing is asked for: the shortest plan. */
const smokePlan = '/plans/smoke';

export const devTest = defineVerb({
  synopsis: '[test..]',
  positionals: {
    test: { type: 'string', array: true, describe: 'tests whose name contains one of these; default: the plan smoke' },
  },
  options: {
    all: { type: 'boolean', describe: 'every test that leaves the system as it is', default: false },
    profile: testOptions.profile,
    env: testOptions.env,
    'log-dir': testOptions['log-dir'],
  },
  examples: [
    ['dev-test status', 'sync, then look at what status says'],
    ['dev-test', 'sync, then look at what an edit breaks first'],
    ['dev-test --all', 'sync, then run every test that leaves the system as it is'],
  ],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { testRequest } = await import('../settings/test-request.ts');
    const { requireSelection } = await import('./require-selection.ts');
    const { changesNothing } = await import('../tmt/plans.ts');
    const { openBcvk } = await import('../vm/open-bcvk.ts');
    const { attachDevVm, buildSysext } = await import('../dev/dev-vm.ts');
    const { devPlaces, devVmName } = await import('../dev/dev-places.ts');
    const { useSysextVersion } = await import('../dev/sync.ts');
    const { step } = await import('../steps/step.ts');
    const { runTmt } = await import('../tmt/run-tmt.ts');
    const tests = args.test ?? [];
    const filters = tests.length > 0 || args.all ? [] : [smokePlan];
    await requireSelection({ cell: settings.cell, filters, tests }, changesNothing);
    const request = {
      ...testRequest(settings, wishesOf('', [], { ...args, test: tests })),
      filters,
      parallel: 1,
    };
    return withReport((print) =>
      reportSteps(async () => {
        const bcvk = await openBcvk(request.bcvk);
        await using running = await step(`find ${devVmName}`, () => attachDevVm({ request, bcvk, signal }));
        const session = await devSession();
        const [version] = await Promise.all([buildSysext(signal), session.open({ signal })]);
        await step('sync', () => useSysextVersion(session, version, { folder: devPlaces.sysext, signal }));
        return await runTmt({ ...request, image: running.image, running, preserveVm: true, retries: 0, signal, print });
      }),
    );
  },
});
