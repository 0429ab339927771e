import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { verbs } from '../commands/verbs.ts';
import { parseProfile } from '../profiles/profile.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { matrixMarkdown, tableEnd, tableStart } from './docs-table.ts';
import { knownVariables } from './variables.ts';

function textOf(file: string): string {
  return readFileSync(join(workspaceRoot, file), 'utf8');
}

test('CONTRIBUTING.md holds the matrix as `xtask matrix --table` prints it', () => {
  const text = textOf('CONTRIBUTING.md');
  const held = text.slice(text.indexOf(tableStart) + tableStart.length, text.indexOf(tableEnd)).trim();
  expect(held).toBe(matrixMarkdown());
});

test('the profile in CONTRIBUTING.md is one', () => {
  const [, example = ''] = /```yaml\n(.*?)```/s.exec(textOf('CONTRIBUTING.md')) ?? [];
  expect(parseProfile(example, 'example.yaml').plans).toEqual(['readonly']);
});

test('the README has a row for each recipe, and none for another', () => {
  const recipes = [...textOf('Justfile').matchAll(/^(?:mod )?([a-z][a-z-]*)(?: \*ARGS)?(?::(?!=).*)?$/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'default');
  const rows = [...textOf('README.md').matchAll(/^\| `just ([a-z-]+)/gm)].map(([, name]) => name);
  expect(rows.toSorted()).toEqual(recipes.toSorted());
});

test('the README names each recipe of `just bcvk`', () => {
  const [row = ''] = /^\| `just bcvk .*$/m.exec(textOf('README.md')) ?? [];
  const recipes = [...textOf('bcvk.just').matchAll(/^([a-z][a-z-]*)(?: \*?[A-Z]+)*:(?!=)/gm)].map(([, name]) => name);
  for (const name of recipes.filter((each) => each !== 'default')) expect(row).toContain(`\`${name}\``);
});

test('each verb of xtask but run-tmt is a recipe of its name; those of the development VM are recipes of `just bcvk`', () => {
  for (const { name } of verbs.filter((verb) => verb.name !== 'run-tmt')) {
    const [file, recipe] = name.startsWith('dev-') ? ['bcvk.just', name.slice('dev-'.length)] : ['Justfile', name];
    expect(textOf(file)).toMatch(new RegExp(`^${recipe}( \\*ARGS)?:$`, 'm'));
  }
});

test('.env.example names only variables that exist', () => {
  const known = knownVariables();
  for (const [, name = ''] of textOf('.env.example').matchAll(/^#?(BOOTC_\w+)=/gm)) expect(known.has(name)).toBe(true);
});
