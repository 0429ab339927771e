import { printJson, printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const doctor = defineVerb({
  positionals: {},
  options: { json: { type: 'boolean', describe: 'print the findings as JSON' } },
  examples: [['doctor', 'exits with 1 when something that a run needs is missing']],
  run: async (args, { signal }) => {
    const { examineMachine } = await import('../doctor/examine.ts');
    const { describeFindings, isHealthy } = await import('../doctor/finding.ts');
    const findings = await examineMachine(signal);
    const healthy = isHealthy(findings);
    if (args.json) printJson({ healthy, findings });
    else printLines([...describeFindings(findings), healthy ? 'this machine is ready' : 'something needed is missing']);
    return healthy ? 0 : 1;
  },
});
