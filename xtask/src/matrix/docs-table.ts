import { axes, axisList, axisValues, axisVariable, type Cell, cellValues, defaultCell } from './cell.ts';
import { isBuiltHere } from './image-arguments.ts';
import { brokenRules, cellRules } from './rules.ts';
import { knownVariables } from './variables.ts';

/** The marks around the generated part of CONTRIBUTING.md. */
export const tableStart = '<!-- made by `xtask matrix --table`: begin -->';
export const tableEnd = '<!-- made by `xtask matrix --table`: end -->';

/**
 * The matrix as Markdown: the axes, the cells (file systems across, the rest down; a rule's id where a cell cannot exist,
 * "no image yet" where it can but nothing here builds it), the rules with their reasons, and the variables. CONTRIBUTING.md holds it; a test keeps the two equal.
 */
export function matrixMarkdown(): string {
  return [
    table(
      ['axis', 'option', 'variable', 'values (the first is the default)'],
      axisList.map((axis) => [
        axes[axis].description,
        code(`--${axes[axis].option}`),
        code(axisVariable(axis)),
        axisValues(axis).map(code).join(', '),
      ]),
    ),
    cellTable(),
    table(
      ['rule', 'says', 'because'],
      cellRules.map((rule) => [code(rule.id), rule.needs, rule.because]),
    ),
    table(
      ['variable', 'meaning'],
      [...knownVariables(), ['BOOTC_test_…', 'handed to the tests in the guest']].map(([name = '', meaning = '']) => [
        code(name),
        meaning,
      ]),
    ),
  ].join('\n\n');
}

function cellTable(): string {
  const filesystems = cellValues.filesystem;
  const rows: string[][] = [];
  for (const bootloader of cellValues.bootloader) {
    for (const bootType of cellValues.bootType) {
      for (const sealState of cellValues.sealState) {
        const cells = filesystems.map((filesystem) =>
          verdict({ variant: 'composefs', bootloader, bootType, sealState, filesystem }),
        );
        rows.push([`composefs, ${bootloader}, ${bootType}, ${sealState}`, ...cells]);
      }
    }
  }
  rows.push(['ostree', verdict({ ...defaultCell, variant: 'ostree' }), '', '']);
  return table(['cell', ...filesystems], rows);
}

function verdict(cell: Cell): string {
  const broken = brokenRules(cell);
  if (broken.length > 0) return broken.map(({ id }) => code(id)).join(', ');
  return isBuiltHere(cell) ? 'yes' : 'no image yet';
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (fields: readonly string[]): string => `| ${fields.join(' | ')} |`;
  return [line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}
