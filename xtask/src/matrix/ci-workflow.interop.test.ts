import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { workspaceRoot } from '../settings/workspace.ts';
import { ciMatrix } from './ci-matrix.ts';
import { ciWorkflow, workflowFile } from './ci-workflow.ts';

interface Step {
  name?: string;
  if?: string;
  run?: string;
}
const folder = mkdtempSync(join(tmpdir(), 'ci-'));
const text = readFileSync(join(workspaceRoot, workflowFile), 'utf8');
const jobs = parse(text).jobs as Record<string, { steps: Step[] }>;

afterAll(() => rmSync(folder, { recursive: true }));

function scriptOf(job: string, name: string): string {
  const script = jobs[job]?.steps.find((step) => step.name === name)?.run;
  if (script === undefined) throw new Error(`the job ${job} has no step '${name}'`);
  return script;
}

/** Runs a step as GitHub does: its script in a file, by bash that stops at the first error. */
async function runStep(script: string, env: Record<string, string>): Promise<string> {
  const file = join(folder, 'step.sh');
  const output = join(folder, 'output');
  writeFileSync(file, script);
  writeFileSync(output, '');
  await run(['bash', '--noprofile', '--norc', '-eo', 'pipefail', file], {
    step: 'run a step of the workflow',
    cwd: workspaceRoot,
    env: { ...env, GITHUB_OUTPUT: output, GITHUB_ENV: output },
  });
  return readFileSync(output, 'utf8');
}

test('the workflow in the repository is the one that is made', () => {
  expect(text).toBe(ciWorkflow());
});

test('no value of an event is a part of a script', () => {
  for (const { steps } of Object.values(jobs)) for (const step of steps) expect(step.run ?? '').not.toContain('${{');
});

test.each(['quick', 'full'] as const)('the matrix of the tier %s is what the jobs are made of', async (tier) => {
  const output = await runStep(scriptOf('matrix', 'the jobs of this tier'), { tier });
  const { include } = JSON.parse(/^jobs=(.*)\n$/.exec(output)?.[1] ?? '') as ReturnType<typeof ciMatrix>;
  expect(include).toHaveLength(tier === 'full' ? ciMatrix().include.length : 3);

  // Each job sets its cell, which is then the one that its plans would run in.
  for (const job of include) {
    const lines = await runStep(scriptOf('plans', 'the cell'), { cell: JSON.stringify(job.environment) });
    const environment = Object.fromEntries(
      lines
        .trimEnd()
        .split('\n')
        .map((line) => line.split('=')),
    );
    const argv: [string, ...string[]] = [process.execPath, 'xtask/src/main.ts', 'plan', '--json'];
    const { stdout } = await run([...argv, ...job.plans.split(' ').filter((word) => word !== '')], {
      step: 'plan the job',
      cwd: workspaceRoot,
      env: environment,
    });
    const planned = JSON.parse(stdout);
    expect(Object.values(planned.cell).join('/')).toBe(job.cell);
    expect(planned.obstacle).toBeUndefined();
  }
});

test('a job of a sealed cell has keys when its plans begin', () => {
  const steps = jobs.plans?.steps ?? [];
  const keys = steps.findIndex(({ run: script }) => script === './justw generate-secureboot-keys');
  const [, axis, value] = /^matrix\.environment\.(\w+) == '(\w+)'$/.exec(steps[keys]?.if ?? '') ?? [];
  expect(keys).toBeLessThan(steps.findIndex(({ name }) => name === 'the plans'));
  for (const { cell, environment } of ciMatrix().include)
    expect(environment[axis ?? ''] === value).toBe(cell.includes('/sealed/'));
});

test('each script is one that bash can read, and calls recipes that there are', async () => {
  for (const { steps } of Object.values(jobs)) {
    for (const { run: script = '' } of steps) {
      await run(['bash', '-n', '-c', script], { step: 'read a script' });
      for (const [, recipe = ''] of script.matchAll(/\.\/justw ([a-z-]+)/g)) {
        await run(['./justw', '--show', recipe], { step: 'show a recipe', cwd: workspaceRoot });
      }
    }
  }
});
