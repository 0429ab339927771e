import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterEach, expect, test, vi } from 'vitest';
import { runProgram } from '../commands/program.ts';
import type { AnyVerb } from '../commands/verb.ts';
import { verbs } from '../commands/verbs.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { listNames } from '../tmt/fmf-nodes.ts';
import { requirePlans } from '../tmt/plans.ts';
import { type DocumentedCommand, documentedCommands } from './documented-commands.ts';

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(workspaceRoot, 'docs')).map((name) => `docs/${name}`),
];
const textOf = (file: string) => readFileSync(join(workspaceRoot, file), 'utf8');
const commands = documents
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) => documentedCommands(textOf(file), file));

afterEach(() => void vi.restoreAllMocks());

test('commands are found in blocks and in running text', () => {
  const text =
    "See `just plan readonly`.\n```sh\nBOOTC_filesystem=xfs just test-tmt   # all\n./justw bcvk ssh 'a b' -x\n```\n`just X`; `xtask matrix`";
  expect(documentedCommands(text, 'x.md')).toEqual([
    { where: 'x.md:1', kind: 'recipe', name: 'plan', environment: {}, words: ['readonly'] },
    { where: 'x.md:3', kind: 'recipe', name: 'test-tmt', environment: { BOOTC_filesystem: 'xfs' }, words: [] },
    { where: 'x.md:4', kind: 'bcvk recipe', name: 'ssh', environment: {}, words: ['a b', '-x'] },
    { where: 'x.md:6', kind: 'verb', name: 'matrix', environment: {}, words: [] },
  ]);
});

/** What a command starts: a command line of xtask, or words for another tool; undefined when there is no such recipe. */
function lineBehind({
  kind,
  name,
  words,
}: DocumentedCommand): { xtask: string[] } | { other: readonly string[] } | undefined {
  if (kind === 'verb') return { xtask: [name, ...words] };
  const file = textOf(kind === 'bcvk recipe' ? 'bcvk.just' : 'Justfile');
  const [, line] = new RegExp(`^${name}(?: [A-Z* ]+)?:.*\\n {4}@(.+)$`, 'm').exec(file) ?? [];
  if (line === undefined) return undefined;
  const [, verbLine] = /^\{\{ xtask \}\} (.+)$/.exec(line) ?? [];
  if (verbLine === undefined) return { other: words };
  return { xtask: verbLine.split(' ').flatMap((word) => (word === '"$@"' ? words : [word])) };
}

/** A command that is only named, and its placeholders, lack what must be there. */
function withDemanded(argv: readonly string[], verb: AnyVerb): string[] {
  const demanded = (table: AnyVerb['options']) =>
    Object.keys(table).filter((name) => table[name]?.demandOption === true);
  const options = demanded(verb.options).filter((name) => !argv.some((word) => word.startsWith(`--${name}=`)));
  const words = argv.slice(1).filter((word) => !word.startsWith('-'));
  return [
    ...argv,
    ...options.map((name) => `--${name}=placeholder`),
    ...demanded(verb.positionals)
      .slice(words.length)
      .map(() => 'placeholder'),
  ];
}

test('each command in the documents is one that the program takes', async () => {
  expect(commands.length).toBeGreaterThan(40);
  const plans = await listNames('plan', workspaceRoot);
  for (const command of commands) {
    const { where, environment } = command;
    const line = lineBehind(command);
    expect([where, line]).toEqual([where, expect.anything()]);
    if (line === undefined) continue;
    await loadSettings({ environment, dotenvFile: '/no/such/.env' });
    if ('other' in line) {
      for (const path of line.other.filter((word) => word.includes('/'))) {
        expect([where, path, existsSync(join(workspaceRoot, path))]).toEqual([where, path, true]);
      }
      continue;
    }
    const [name = ''] = line.xtask;
    const verb = await verbs.find((each) => each.name === name)?.load();
    expect([where, name, verb]).toEqual([where, name, expect.anything()]);
    if (verb === undefined) continue;
    const runVerb = vi
      .spyOn(verb as unknown as { run: (args: unknown) => Promise<number> }, 'run')
      .mockResolvedValue(0);
    const context = { signal: new AbortController().signal };
    expect([where, await runProgram(withDemanded(line.xtask, verb), context)]).toEqual([where, 0]);
    const filters = (runVerb.mock.lastCall?.[0] as { filter?: string[] } | undefined)?.filter ?? [];
    requirePlans(filters, plans);
    runVerb.mockRestore();
  }
});

test('each edit in the documents changes the file that it names', async () => {
  const edits = documents.flatMap((file) => [...textOf(file).matchAll(/^sed -i '([^']+)' (\S+)$/gm)]);
  expect(edits).not.toHaveLength(0);
  for (const [, expression = '', path = ''] of edits) {
    const { stdout } = await run(['sed', expression, path], { step: `edit ${path}`, cwd: workspaceRoot });
    expect([path, stdout === textOf(path)]).toEqual([path, false]);
  }
});
