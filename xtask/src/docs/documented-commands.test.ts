import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verbs } from '../commands/verbs.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { documentedCommands } from './documented-commands.ts';

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(workspaceRoot, 'docs')).map((name) => `docs/${name}`),
];
const textOf = (file: string) => readFileSync(join(workspaceRoot, file), 'utf8');
const commands = documents
  .filter((file) => file.endsWith('.md'))
  .flatMap((file) => documentedCommands(textOf(file), file));

test('commands are found in blocks and in running text', () => {
  const text =
    "See `just plan readonly`.\n```sh\nBOOTC_filesystem=xfs just test-tmt   # all\njust bcvk ssh 'a b' -x\n```\n`just X`";
  expect(documentedCommands(text, 'x.md')).toEqual([
    { where: 'x.md:1', recipe: 'plan', isBcvk: false, words: ['readonly'] },
    { where: 'x.md:3', recipe: 'test-tmt', isBcvk: false, words: [] },
    { where: 'x.md:4', recipe: 'ssh', isBcvk: true, words: ['a b', '-x'] },
  ]);
});

test('each command in the documents calls a recipe that there is, with options that it has', async () => {
  expect(commands.length).toBeGreaterThan(30);
  for (const { where, recipe, isBcvk, words } of commands) {
    const file = isBcvk ? 'bcvk.just' : 'Justfile';
    expect([where, new RegExp(`^${recipe}(?: [A-Z* ]+)?:`, 'm').test(textOf(file))]).toEqual([where, true]);
    const name = isBcvk ? `dev-${recipe}` : recipe === 'test-tmt-nobuild' ? 'run-tmt' : recipe;
    const entry = verbs.find((verb) => verb.name === name);
    if (entry === undefined) continue;
    const verb = await entry.load();
    if (verb.takesCommand === true) continue;
    const known = [...Object.keys(verb.options), 'help'].map((option) => `--${option}`);
    for (const word of words.filter((each) => each.startsWith('--'))) {
      expect([where, known]).toEqual([where, expect.arrayContaining([word.replace(/=.*$/, '')])]);
    }
  }
});
