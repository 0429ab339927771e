import { axes, axisList, formatCell } from '../matrix/cell.ts';
import { matrixMarkdown } from '../matrix/docs-table.ts';
import { cellRules, judgeEveryCell } from '../matrix/rules.ts';
import { printJson, printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const matrix = defineVerb({
  positionals: {},
  options: {
    table: { type: 'boolean', describe: 'print the Markdown that CONTRIBUTING.md holds' },
    json: { type: 'boolean', describe: 'print every combination as JSON' },
  },
  run: async (args) => {
    const verdicts = judgeEveryCell();
    if (args.table) printLines([matrixMarkdown()]);
    else if (args.json) printJson(verdicts);
    else {
      const valid = verdicts.filter(({ broken }) => broken.length === 0);
      printLines([
        `cells that can exist, as ${axisList.map((axis) => axes[axis].field).join('/')}:`,
        ...valid.map(({ cell }) => `  ${formatCell(cell)}`),
        'rules:',
        ...cellRules.map(({ id, needs, because }) => `  ${id}: ${needs}, because ${because}`),
      ]);
    }
    return 0;
  },
});
