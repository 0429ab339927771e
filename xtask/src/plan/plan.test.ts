import { expect, test } from 'vitest';
import { debianBase, sealingTools } from '../image/base.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { testRequest } from '../settings/test-request.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { describePlan } from './describe-plan.ts';
import { type PlanInput, plannedCommands, plannedLeftOut, whyNothingWouldRun } from './planned-commands.ts';

const world = { dotenvFile: '/no/such/.env', profilesFolder: 'vm-profiles' };

async function input(environment: Record<string, string>, filters: string[], tests: string[] = []): Promise<PlanInput> {
  const settings = await loadSettings({ ...world, environment });
  return {
    settings,
    request: testRequest(settings, { image: 'localhost/bootc', filters, tests, kernelArguments: ['quiet'] }),
    plans: [
      { name: '/plans/readonly', discover: { test: '^/tests/readonly/' } },
      {
        name: '/plans/upgrade',
        discover: { test: '^/tests/upgrade$' },
        'extra-try_bind_storage': true,
        'extra-legacy_disk': true,
        'extra-fixme_skip_if_uki': true,
      },
    ],
    testNames: ['/tests/readonly/status', '/tests/readonly/finish', '/tests/upgrade'],
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
  expect(whyNothingWouldRun(await input({}, ['readnoly']))).toBe("no plan has 'readnoly' in its name");
  expect(whyNothingWouldRun(await input({}, ['readonly'], ['upgrade']))).toBe(
    "no test of /plans/readonly has 'upgrade' in its name",
  );
});

test('a plan is shown with all that it wants of its VM and of its environment', async () => {
  const planned = await input({ BOOTC_upgrade_image: 'localhost/next' }, ['upgrade'], ['grade']);
  const [launch, tmt] = plannedCommands(planned).slice(-2);
  expect(launch?.argv).toContain('--bind-storage-ro');
  expect(launch?.argv).toContainEqual(expect.stringMatching(/^--disk-editor=.*legacy-disk.ts$/));
  expect(tmt?.argv).toContain('--environment=BOOTC_upgrade_image=localhost/next');
  expect(tmt?.argv).toContain('--environment=BOOTC_plan_tests=grade');
});

test('a plan that the cell does not run is said to be left out', async () => {
  const planned = await input({ BOOTC_boot_type: 'uki' }, ['upgrade']);
  expect(plannedLeftOut(planned)).toEqual([{ plan: '/plans/upgrade', why: 'it does not work with UKIs yet' }]);
  expect(plannedCommands(planned).some(({ stage }) => stage === 'vm')).toBe(false);
});
