import { run } from '@workbench/run';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { verbs } from '../commands/verbs.ts';
import { workspaceRoot } from '../settings/workspace.ts';

/** Calls a recipe as a user does, on a machine that lacks nothing. */
async function just(...words: string[]): Promise<string> {
  return (await call(words)).stdout;
}

function call(words: readonly string[], timeoutMs = 120_000) {
  return run(['./justw', ...words], { step: `just ${words.join(' ')}`, cwd: workspaceRoot, timeoutMs });
}

const recipeSchema = z.looseObject({ private: z.boolean(), doc: z.string().nullable(), body: z.unknown() });
const dumpSchema = z.looseObject({
  recipes: z.record(z.string(), recipeSchema),
  modules: z.record(z.string(), z.looseObject({ recipes: z.record(z.string(), recipeSchema) })),
});

test('each recipe says what it is for, and has help that does nothing else', { timeout: 600_000 }, async () => {
  const dump = dumpSchema.parse(JSON.parse(await just('--dump', '--dump-format=json')));
  const all = [
    ...Object.entries(dump.recipes).map(([name, recipe]) => ({ words: [name], verb: name, recipe })),
    ...Object.entries(dump.modules.bcvk?.recipes ?? {}).map(([name, recipe]) => ({
      words: ['bcvk', name],
      verb: `dev-${name}`,
      recipe,
    })),
  ].filter(({ recipe }) => !recipe.private);
  expect(all.length).toBeGreaterThan(35);
  for (const { words, verb, recipe } of all) {
    expect([words, recipe.doc]).toEqual([words, expect.any(String)]);
    // A build, a test or a VM would take longer.
    const { stdout, stderr } = await call([...words, '--help'], 30_000);
    expect([words, stdout]).toEqual([words, expect.stringContaining('--help')]);
    expect([words, stderr]).toEqual([words, '']);
    const describe = verbs.find(({ name }) => name === verb)?.describe;
    if (describe !== undefined) expect(stdout.replaceAll(/\s+/g, ' ')).toContain(describe);
  }
});

test('`just` alone lists the recipes by group', async () => {
  const text = await just();
  for (const group of ['vm tests', 'checks', 'look', 'upkeep']) expect(text).toContain(`[${group}]`);
});

test.each([
  [['plan', 'readonly', '--filesystem=btrfs'], 'cell composefs/systemd/bls/unsealed/btrfs'],
  [['matrix'], 'composefs'],
  [['profiles'], 'low-memory'],
  [['ci-matrix'], '"include"'],
  [['test-matrix', '--dry-run'], 'not run yet'],
  [['bcvk', 'status'], 'bootc-dev'],
  [['bcvk', 'list'], ''],
  [['man'], 'pages in target/man/man1'],
] as const)('just %j', async (words, says) => {
  expect(await just(...words)).toContain(says);
});
