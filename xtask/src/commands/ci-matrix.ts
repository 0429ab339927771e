import { type CiTier, cellsOfTier, ciMatrix, ciTiers } from '../matrix/ci-matrix.ts';
import { defineVerb } from './verb.ts';

export const ciMatrixVerb = defineVerb({
  positionals: {},
  options: {
    tier: {
      type: 'string',
      requiresArg: true,
      choices: Object.keys(ciTiers),
      default: 'full',
      describe: Object.entries(ciTiers)
        .map(([name, { description }]) => `${name}: ${description}`)
        .join('; '),
    },
    workflow: { type: 'boolean', describe: 'print the workflow of GitHub Actions that runs these jobs' },
    json: { type: 'boolean', describe: 'accepted for uniformity: the output always is JSON' },
  },
  examples: [
    ['ci-matrix --tier=quick', 'one line, for `echo "matrix=$(…)" >> "$GITHUB_OUTPUT"`'],
    ['ci-matrix --workflow > .github/workflows/ci.yml', 'after a change of the matrix or of its tiers'],
  ],
  run: async (args) => {
    if (args.workflow) {
      const { ciWorkflow } = await import('../matrix/ci-workflow.ts');
      process.stdout.write(ciWorkflow());
    } else {
      process.stdout.write(`${JSON.stringify(ciMatrix(cellsOfTier(args.tier as CiTier)))}\n`);
    }
    return 0;
  },
});
