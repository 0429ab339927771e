import type { Options } from 'yargs';
import type { AnyVerb, OptionTable } from '../commands/verb.ts';
import type { VerbEntry } from '../commands/verbs.ts';

const manual = 'bootc workbench';

/**
 * The manual page of one verb in the language of man(7), made from the tables that the command line is parsed by. Pure.
 */
export function verbManPage({ name, describe }: VerbEntry, verb: AnyVerb): string {
  const synopsis = [`\\fBxtask ${roff(name)}\\fR`, '[\\fIOPTIONS\\fR]', roff(verb.synopsis ?? '')].join(' ').trim();
  const examples = (verb.examples ?? []).flatMap(([line, purpose]) => [
    '.TP',
    `\\fBxtask ${roff(line)}\\fR`,
    roff(purpose),
  ]);
  return page([
    `.TH ${quote(`XTASK-${name}`.toUpperCase())} 1 "" "" ${quote(manual)}`,
    '.SH NAME',
    `xtask\\-${roff(name)} \\- ${roff(describe)}`,
    '.SH SYNOPSIS',
    synopsis,
    ...section(
      'ARGUMENTS',
      optionLines(verb.positionals, (word) => `\\fI${roff(word.toUpperCase())}\\fR`),
    ),
    ...section('OPTIONS', optionLines({ ...verb.options, help: { describe: 'show help' } }, optionHead)),
    ...section('EXAMPLES', examples),
    '.SH SEE ALSO',
    '\\fBxtask\\fR(1), \\fBjust\\fR(1)',
  ]);
}

/** The manual page of the program: its verbs by group, its exit status, and the variables that it reads. Pure. */
export function programManPage(
  verbs: readonly Pick<VerbEntry, 'name' | 'describe' | 'group'>[],
  variables: ReadonlyMap<string, string>,
): string {
  const titles = { test: 'Tests', dev: 'The development VM', look: 'Looking', tidy: 'Upkeep' } as const;
  const groups = (Object.keys(titles) as (keyof typeof titles)[]).flatMap((group) => [
    `.SS ${titles[group]}`,
    ...verbs
      .filter((verb) => verb.group === group)
      .flatMap(({ name, describe }) => ['.TP', `\\fBxtask\\-${roff(name)}\\fR(1)`, roff(describe)]),
  ]);
  return page([
    `.TH XTASK 1 "" "" ${quote(manual)}`,
    '.SH NAME',
    'xtask \\- build bootable container images, boot them in virtual machines, and test them',
    '.SH SYNOPSIS',
    '\\fBxtask\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR]',
    '.SH VERBS',
    ...groups,
    '.SH ENVIRONMENT',
    ...[...variables].flatMap(([name, meaning]) => ['.TP', `\\fB${roff(name)}\\fR`, roff(meaning)]),
    '.SH EXIT STATUS',
    '0 when all is well, 1 when something failed, 2 for a wrong command line or setting, 130 or 143 after a signal.',
  ]);
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function optionLines(table: OptionTable, head: (name: string, option: Options) => string): string[] {
  return Object.entries(table).flatMap(([name, option]) => ['.TP', head(name, option), roff(descriptionOf(option))]);
}

function optionHead(name: string, { type, choices }: Options): string {
  if (type !== 'string') return `\\fB\\-\\-${roff(name)}\\fR`;
  const value = choices === undefined ? 'VALUE' : choices.join('|');
  return `\\fB\\-\\-${roff(name)}\\fR=\\fI${roff(value)}\\fR`;
}

function descriptionOf({ describe = '', default: fallback }: Options): string {
  return fallback === undefined ? describe : `${describe} (default: ${String(fallback)})`;
}

function page(lines: readonly string[]): string {
  return `${lines.filter((line) => line !== '').join('\n')}\n`;
}

/** Text as roff reads it: a backslash and a leading dot or quote would be its own. A hyphen stays one that can be copied. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(['.])/gm, '\\&$1');
}

function quote(text: string): string {
  return `"${text.replaceAll('"', '\\(dq')}"`;
}
