import { ciMatrix } from '../matrix/ci-matrix.ts';
import { defineVerb } from './verb.ts';

export const ciMatrixVerb = defineVerb({
  positionals: {},
  options: {
    json: { type: 'boolean', describe: 'accepted for uniformity: the output always is JSON' },
  },
  examples: [['ci-matrix', 'one line, for `echo "matrix=$(…)" >> "$GITHUB_OUTPUT"`']],
  run: async () => {
    process.stdout.write(`${JSON.stringify(ciMatrix())}\n`);
    return 0;
  },
});
