import { quoteWord } from '@workbench/run';
import { axes, axisList, formatCell } from '../matrix/cell.ts';
import type { Settings } from '../settings/load-settings.ts';
import type { PlannedCommand } from './planned-commands.ts';

/** The settings with the source of each value, and the commands, as lines for a person. Pure. */
export function describePlan(
  settings: Settings,
  commands: readonly PlannedCommand[],
  notes: readonly string[],
): string[] {
  const rows = [
    ...axisList.map((axis) => [axes[axis].field, settings.sources[axis].value, settings.sources[axis].from]),
    ['profile', settings.profile.name, settings.profile.file],
    ...[...settings.variables].map(([name, { value, from }]) => [name, value, from]),
  ];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return [
    `cell ${formatCell(settings.cell)}`,
    ...rows.map(([name = '', value = '', from = '']) =>
      `  ${name.padEnd(widths[0] ?? 0)}  ${value.padEnd(widths[1] ?? 0)}  ${from}`.trimEnd(),
    ),
    ...notes.map((note) => `note: ${note}`),
    ...commands.flatMap(({ title, argv }) => [`# ${title}`, showCommand(argv)]),
  ];
}

/** A command as one can paste it once its placeholders, words in angle brackets, are filled in. */
function showCommand(argv: readonly string[]): string {
  return argv.map((word) => (/<[a-z ]+>/.test(word) ? word : quoteWord(word))).join(' ');
}
