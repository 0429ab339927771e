import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { debianBase, sealingTools } from '../image/base.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { testRequest } from '../settings/test-request.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { describePlan } from './describe-plan.ts';
import { listNames, requireMatching } from './fmf-names.ts';
import { type PlanInput, plannedCommands, whyNothingWouldRun } from './planned-commands.ts';

const world = { dotenvFile: '/no/such/.env', profilesFolder: 'vm-profiles' };

async function input(environment: Record<string, string>, filters: string[]): Promise<PlanInput> {
  const settings = await loadSettings({ ...world, environment });
  return {
    settings,
    request: testRequest(settings, { image: 'localhost/bootc', filters, kernelArguments: ['quiet'] }),
    plans: ['/plans/readonly', '/plans/upgrade'],
    packagesOf: new Map([
      [debianBase, ['systemd', 'podman']],
      [sealingTools, ['sbsigntool']],
    ]),
    bcvk: { argv: ['node', 'packages/bcvk/src/main.ts'], kind: 'bundled', why: 'no bcvk on PATH' },
    systemdRuns: true,
  };
}

test('the plan of the default cell shows values, sources, and each command', async () => {
  const planned = await input({ BOOTC_filesystem: 'btrfs', BOOTC_test_note: 'two words' }, ['readonly']);
  expect(whyNothingWouldRun(planned)).toBeUndefined();
  const lines = describePlan(planned.settings, plannedCommands(planned), ['bcvk: no bcvk on PATH']);
  const text = `${lines.join('\n')}\n`.replaceAll(workspaceRoot, '<repository>');
  await expect(text).toMatchFileSnapshot('golden/default-cell.txt');
});

test('a base of one’s own is pulled, not made', async () => {
  const titles = plannedCommands(await input({ BOOTC_base: 'localhost/other' }, [])).map(({ title }) => title);
  expect(titles).toEqual([
    'pull the base image, unless it is there',
    'bundle the program',
    'build localhost/bootc',
    'install and boot a VM for /plans/readonly',
    'run /plans/readonly in it',
    'install and boot a VM for /plans/upgrade',
    'run /plans/upgrade in it',
  ]);
});

test('the plan of a sealed cell makes the tools for sealing, and hands the key to the build', async () => {
  const planned = await input({ BOOTC_boot_type: 'uki', BOOTC_seal_state: 'sealed' }, ['readonly']);
  const commands = plannedCommands(planned);
  expect(commands.map(({ title }) => title)).toContain(
    'make the tools for sealing, unless it is there and made of the same packages',
  );
  const build = commands.find(({ title }) => title === 'build localhost/bootc')?.argv.join(' ');
  expect(build).toMatch(/--target=uki .*--build-arg=seal_state=sealed .*--secret=id=secureboot_key,src=.*\/db.key/);
  expect(build).toContain('--build-arg=certificate=<digest>');
});

test('what would stop a run is said', async () => {
  expect(whyNothingWouldRun(await input({ BOOTC_variant: 'ostree' }, []))).toContain('makes no image for');
  expect(whyNothingWouldRun(await input({}, ['readnoly']))).toBe('no plan has readnoly in its name');
});

test('plan names are read from the files', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    await mkdir(join(path, 'plans/more'), { recursive: true });
    await writeFile(join(path, 'plans/one.fmf'), 'discover: {how: fmf}\n');
    await writeFile(
      join(path, 'plans/many.fmf'),
      'execute: {how: tmt}\n/a:\n  discover: {}\n/b:\n  execute: {}\n/c:\n  summary: inherits all\n',
    );
    await writeFile(join(path, 'plans/more/main.fmf'), 'execute: {how: tmt}\n');
    await writeFile(join(path, 'plans/notes.txt'), 'no plan');
    expect(await listNames('plan', path)).toEqual([
      '/plans/many/a',
      '/plans/many/b',
      '/plans/many/c',
      '/plans/more',
      '/plans/one',
    ]);
  } finally {
    await cleanup();
  }
});

test('a filter that matches no plan is refused, with what was likely meant', () => {
  expect(() => requireMatching('plan', ['read', ''], ['/plans/readonly'])).not.toThrow();
  expect(() => requireMatching('plan', ['readnoly'], ['/plans/readonly'])).toThrow(
    expect.objectContaining({ code: 'PLAN_UNKNOWN', exitCode: 2, hint: 'did you mean readonly?' }),
  );
});
