import { expect, test } from 'vitest';
import { verbs } from '../commands/verbs.ts';
import { knownVariables } from '../matrix/variables.ts';
import { programManPage, verbManPage } from './man-page.ts';

test('the page of a verb is as it was', async () => {
  const [entry] = verbs.filter(({ name }) => name === 'test-matrix');
  if (entry === undefined) throw new Error('there is no verb test-matrix');
  await expect(verbManPage(entry, await entry.load())).toMatchFileSnapshot('golden/xtask-test-matrix.1');
});

test('each verb, option and variable has its place', async () => {
  const program = programManPage(verbs, knownVariables());
  for (const entry of verbs) {
    expect(program).toContain(`\\fBxtask\\-${entry.name.replaceAll('-', '\\-')}\\fR(1)`);
    const verb = await entry.load();
    const page = verbManPage(entry, verb);
    for (const name of Object.keys(verb.options)) expect(page).toContain(`\\-\\-${name.replaceAll('-', '\\-')}`);
    // A line that begins with a dot and is no request would vanish.
    for (const line of page.split('\n').filter((each) => each.startsWith('.')))
      expect(line).toMatch(/^\.(TH|SH|SS|TP)/);
  }
  for (const name of knownVariables().keys()) expect(program).toContain(name);
});
