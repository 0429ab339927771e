import { existsSync } from 'node:fs';
import { printJson, printLines } from './print.ts';
import { planWishesOf, settingsOf, testOptions } from './test-options.ts';
import { defineVerb } from './verb.ts';

export const plan = defineVerb({
  synopsis: '[filter..]',
  positionals: {
    filter: { type: 'string', array: true, describe: 'plans whose name contains one of these; default: all' },
  },
  options: { ...testOptions, json: { type: 'boolean', describe: 'print all of it as JSON' } },
  examples: [['plan readonly --filesystem=btrfs', 'what `just test-tmt readonly --filesystem=btrfs` would do']],
  run: async (args) => {
    const settings = await settingsOf(args);
    const { testRequest } = await import('../settings/test-request.ts');
    const { debianBase, grubBase, readPackages, sealingTools } = await import('../image/base.ts');
    const { listNames, listNodes } = await import('../tmt/fmf-nodes.ts');
    const { plannedCommands, plannedLeftOut, whyNothingWouldRun } = await import('../plan/planned-commands.ts');
    const { plannedBcvk } = await import('../plan/planned-bcvk.ts');
    const request = testRequest(settings, planWishesOf('localhost/bootc', args.filter ?? [], args));
    const bcvk = await plannedBcvk(request.bcvk);
    const debianImages = [debianBase, grubBase, sealingTools].map(
      async (image) => [image, await readPackages(image)] as const,
    );
    const packagesOf = new Map(await Promise.all(debianImages));
    const input = {
      settings,
      request,
      plans: await listNodes('plan', '.'),
      testNames: await listNames('test', '.'),
      packagesOf,
      bcvk,
      systemdRuns: existsSync('/run/systemd/system'),
    };
    const commands = plannedCommands(input);
    const leftOut = plannedLeftOut(input);
    const obstacle = whyNothingWouldRun(input);
    if (args.json) {
      const { cell, sources, profile, variables } = settings;
      printJson({
        cell,
        sources,
        profile,
        variables: Object.fromEntries(variables),
        bcvk,
        obstacle,
        leftOut,
        commands,
      });
    } else {
      const { describePlan } = await import('../plan/describe-plan.ts');
      const notes = [
        `bcvk: ${bcvk.why}`,
        ...leftOut.map(({ plan, why }) => `${plan} would be left out: ${why}`),
        ...(obstacle === undefined ? [] : [`nothing would run: ${obstacle}`]),
      ];
      printLines(describePlan(settings, commands, notes));
    }
    return 0;
  },
});
