import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { RunReport } from '../report/plan-report.ts';
import { listenToSteps, step } from '../steps/step.ts';
import type { FakeGuest } from '../vm/fake-guest.ts';
import { type FakeRun, useFakeRun } from './fake-run.ts';
import type { RunOptions } from './run-tmt.ts';

let run: FakeRun;
let guest: FakeGuest;
let root: string;
let printed: string[];
let controller: AbortController;

useFakeRun((made) => {
  run = made;
  ({ guest, root, printed, controller } = run);
});

const onTmt = (script: string) => run.onTmt(script);
const plans = (...names: string[]) => run.plans(...names);
const runIt = (change: Partial<RunOptions> = {}) => run.runIt(change);
const latest = () => run.latest();

/** result.json of the first plan. */
function resultFile(): unknown {
  return JSON.parse(readFileSync(join(latest().report.plans[0]?.folder ?? '', 'result.json'), 'utf8'));
}

function failureOf(report: RunReport) {
  const [plan] = report.plans;
  return plan?.failure;
}

test('a plan passes; the run folder holds all of it, and nothing else is left', async () => {
  expect(await runIt()).toBe(0);
  const { folder, report } = latest();
  expect(report.plans).toMatchObject([{ plan: '/plans/one', outcome: 'passed', tests: [{ durationMs: 7000 }] }]);
  expect(report.plans[0]?.phases.map(({ name }) => name)).toEqual(['install', 'boot', 'tests']);
  expect(readdirSync(folder).sort()).toEqual([
    'commands.log',
    'composefs-systemd-bls-unsealed-ext4',
    'junit.xml',
    'report.html',
    'report.json',
    'run.json',
  ]);
  expect(readdirSync(report.plans[0]?.folder ?? '').sort()).toEqual([
    'commands.log',
    'console.log',
    'result.json',
    'timings.json',
    'tmt',
  ]);
  expect(guest.state()).toBeUndefined();
  expect(existsSync(JSON.parse(readFileSync(join(folder, 'run.json'), 'utf8')).workPath)).toBe(false);
  expect(printed.join('\n')).toContain('1 passed, 0 failed');
});

test('timings.json has each phase from the build on, the tests, and what bcvk says of its steps', async () => {
  guest.onLaunch(`echo '{"phases":[{"name":"base-disk","durationMs":9,"facts":{"cached":true}}]}' >"$BCVK_TIMINGS"`);
  const build = (): Promise<void> =>
    step('build localhost/bootc', () => new Promise((resolve) => setTimeout(resolve, 5)));
  await listenToSteps(
    () => {},
    async () => {
      await build();
      expect(await runIt()).toBe(0);
    },
  );
  const { report } = latest();
  const timings = JSON.parse(readFileSync(join(report.plans[0]?.folder ?? '', 'timings.json'), 'utf8'));
  expect(timings).toMatchObject({
    plan: '/plans/one',
    phases: ['build', 'install', 'boot', 'tests'].map((name) => ({ name, durationMs: expect.any(Number) })),
    tests: [{ name: '/tests/one', durationMs: 7000 }],
    bcvk: { phases: [{ name: 'base-disk', facts: { cached: true } }] },
  });
  expect(printed.at(-2)).toMatch(/^build took \d+\.\d s$/m);
});

test('cell, contexts and environment reach bcvk and tmt', async () => {
  await runIt({ contexts: { speed: 'fast' } });
  const launch = guest.calls().find((call) => call.startsWith('libvirt run --name='));
  expect(launch).toMatch(
    /--name=bootc-tmt-[a-z0-9]{8}-plans-one --detach --label=bootc.test=1 --label=bootc.run=\S+ --label=bootc.owner=\d+-\d+-\S+ --firmware=uefi-insecure --disable-tpm --composefs-backend --bootloader=systemd --filesystem=ext4 --log-dir=/,
  );
  const call = readFileSync(join(guest.folder, 'tmt-call'), 'utf8');
  expect(call).toMatch(
    /^--context=speed=fast --context=running_env=image_mode --context=distro=debian --context=VARIANT/,
  );
  expect(call).toContain('--environment=BOOTC_variant=composefs --environment=BOOTC_bootloader=systemd');
  expect(call).toContain('--environment=BOOTC_test_x=1 --environment=BOOTC_plan_nonce=');
});

test.each([
  ['a failed test', 'results fail; exit 1', 'test', 'TEST_FAILED'],
  ['a pass without the token', 'results pass', 'infrastructure', 'TOKEN_MISSING'],
  ['the token of another run', 'results pass; nonce=old; token', 'infrastructure', 'TOKEN_MISSING'],
  ['a token without results', 'token', 'infrastructure', 'NO_RESULTS'],
  ['tmt that crashes', 'results pass; token; kill -SEGV $$', 'infrastructure', 'TMT_CRASHED'],
  ['tmt that fails', 'echo "no such guest" >&2; exit 2', 'infrastructure', 'NO_RESULTS'],
  ['a panic', 'printf "\\nKernel panic - not syncing: x\\n" >>"$console"; exec sleep 60', 'product', 'GUEST_PANIC'],
  ['a guest that powers off', 'echo shut off >"$state"; exec sleep 60', 'product', 'GUEST_STOPPED'],
  ['a guest that is paused', 'echo paused >"$state"; exec sleep 60', 'infrastructure', 'GUEST_PAUSED'],
  ['a guest that vanishes', 'rm "$state"; exec sleep 60', 'infrastructure', 'GUEST_GONE'],
])('%s is no pass', async (_what, script, ofClass, code) => {
  onTmt(script);
  expect(await runIt()).toBe(1);
  const { folder, report } = latest();
  expect(failureOf(report)).toMatchObject({ class: ofClass, code, phase: 'tests' });
  expect(printed.at(-1)).toBe(`target/runs/${report.id}`);
  expect(join(root, printed.at(-1) ?? '')).toBe(folder);
  expect(guest.state()).toBeUndefined();
});

test('a guest that dies mid-test is seen within 5 s, and tmt is stopped', async () => {
  onTmt('printf "\\nKernel panic - not syncing: x\\n" >>"$console"; exec sleep 60');
  const before = performance.now();
  await runIt({ world: run.world(1) });
  expect(performance.now() - before).toBeLessThan(5000);
  expect(failureOf(latest().report)?.tail).toContain('Kernel panic - not syncing: x');
});

test('the output of the failed test is on the card', async () => {
  onTmt('results fail; exit 1');
  await runIt();
  expect(printed[0]).toContain('FAILED /plans/one in phase tests (test, TEST_FAILED)');
  expect(printed[0]).toContain('  last lines of output of /tests/one:\n  | FAIL: one check');
});

test('a guest that does not boot fails its plan, and the next plan runs', async () => {
  plans('/plans/one', '/plans/two');
  guest.onSsh('case "$*" in *true) [ -e "$folder/second" ] && exit 0; echo "Connection refused" >&2; exit 255; esac');
  guest.onLaunch('[ -e "$folder/first" ] && touch "$folder/second"; touch "$folder/first"');
  expect(await runIt()).toBe(1);
  const { report } = latest();
  expect(report.plans.map(({ plan, outcome }) => `${plan} ${outcome}`)).toEqual([
    '/plans/one failed',
    '/plans/two passed',
  ]);
  expect(failureOf(report)).toMatchObject({ code: 'GUEST_NO_SSHD', phase: 'boot', class: 'product' });
});

test('a VM that cannot be made ends the run, with a look at this machine', async () => {
  plans('/plans/one', '/plans/two');
  guest.onLaunch('echo "error: no space left" >&2; exit 1');
  expect(await runIt()).toBe(1);
  const { report } = latest();
  expect(report.plans).toHaveLength(1);
  expect(report.notRun).toEqual(['/plans/two']);
  expect(printed.join('\n')).toContain('0 passed, 1 failed (1 infrastructure), 1 not run');
  expect(failureOf(report)).toMatchObject({
    code: 'VM_LAUNCH_FAILED',
    class: 'infrastructure',
    phase: 'install',
    tail: ['error: no space left'],
  });
  expect(failureOf(report)?.command).toContain('libvirt run --name=');
  expect(readFileSync(join(report.plans[0]?.folder ?? '', 'launch-failure.log'), 'utf8')).toContain('+ df -h');
});

test('an image that another process built in between is not taken for the one under test', async () => {
  plans('/plans/one', '/plans/two', '/plans/three');
  guest.onLaunch('case "$name" in *-two) echo sha256:03 >"$folder/digest"; esac');
  expect(await runIt({ parallel: 1 })).toBe(1);
  const { report } = latest();
  expect(report.plans.map(({ plan, failure }) => `${plan} ${failure?.code} ${failure?.class}`)).toEqual([
    '/plans/one undefined undefined',
    '/plans/two IMAGE_CHANGED infrastructure',
  ]);
  expect(report.notRun).toEqual(['/plans/three']);
  expect(printed[0]).toContain('localhost/bootc was sha256:02 when the run began, and is sha256:03');
  expect(guest.state()).toBeUndefined();
});

test('an image that is not the one that was built for the run is refused', async () => {
  guest.setImageDigest('sha256:03');
  expect(await runIt({ imageDigest: 'sha256:02' })).toBe(1);
  expect(failureOf(latest().report)).toMatchObject({ code: 'IMAGE_CHANGED' });
});

test('an installation that is known to fail keeps no other plan from its run', async () => {
  plans('/plans/one', '/plans/two');
  const entry = '- {plan: /plans/one, code: INSTALL_FAILED, tracker: T-1, reason: known, expires: 2999-12-31}';
  writeFileSync(join(root, 'quarantine.yaml'), `${entry}\n`);
  guest.onLaunch('case "$name" in *-one) rm "$state"; echo "error: no [INSTALL_FAILED]" >&2; exit 1; esac');
  onTmt('results fail; exit 1');
  expect(await runIt({ parallel: 1 })).toBe(1);
  expect(latest().report.plans.map(({ plan, failure }) => `${plan} ${failure?.code}`)).toEqual([
    '/plans/one INSTALL_FAILED',
    '/plans/two TEST_FAILED',
  ]);
});

test('the upgrade image is made only for a plan that wants it', async () => {
  const buildUpgradeImage = vi.fn(async () => 'localhost/bootc-upgrade');
  plans('/plans/one', '/plans/upgrade');
  await runIt({ filters: ['one'], buildUpgradeImage });
  expect(buildUpgradeImage).not.toHaveBeenCalled();
  expect(readFileSync(join(guest.folder, 'tmt-call'), 'utf8')).not.toContain('BOOTC_upgrade_image');
  await runIt({ filters: ['upgrade'], buildUpgradeImage });
  expect(readFileSync(join(guest.folder, 'tmt-call'), 'utf8')).toContain('BOOTC_upgrade_image=localhost/bootc-upgrade');
  expect(guest.calls().some((call) => call.includes('--bind-storage-ro'))).toBe(true);
});

test('an abort stops tmt, removes the VM, begins nothing more, and says where the logs are', async () => {
  plans('/plans/one', '/plans/two');
  onTmt('touch "$folder/running"; exec sleep 60');
  const running = runIt({ parallel: 1 });
  const waiting = setInterval(() => existsSync(join(guest.folder, 'running')) && controller.abort(), 10);
  await expect(running).rejects.toMatchObject({
    code: 'INTERRUPTED',
    exitCode: 130,
    hint: expect.stringContaining('target/runs/'),
  });
  clearInterval(waiting);
  expect(guest.state()).toBeUndefined();
  expect(guest.calls().filter((call) => call.startsWith('libvirt run --name'))).toHaveLength(1);
});

test('the report of a run that was stopped after a plan that passed is not one of success', async () => {
  plans('/plans/one', '/plans/two');
  onTmt('case "$plan" in *two) touch "$folder/running"; exec sleep 60; esac; results pass; token');
  const running = runIt({ parallel: 1 });
  const waiting = setInterval(() => existsSync(join(guest.folder, 'running')) && controller.abort(), 10);
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
  clearInterval(waiting);
  const { folder, report } = latest();
  expect(report).toMatchObject({ plans: [{ plan: '/plans/one', outcome: 'passed' }], notRun: ['/plans/two'] });
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('<title>FAILED: ');
  expect(readFileSync(join(folder, 'junit.xml'), 'utf8')).toMatch(/ tests="3" failures="0" errors="1" /);
});

test('a preserved VM stays, without the owner for whom it would be reaped', async () => {
  expect(await runIt({ preserveVm: true })).toBe(0);
  expect(guest.state()).toBe('running');
  expect(guest.calls().some((call) => call.includes('bootc.owner'))).toBe(false);
  expect(guest.calls().some((call) => call.includes(`--label=bootc.launcher=${process.pid}-`))).toBe(true);
  expect(readdirSync(join(root, 'target')).filter((name) => name.endsWith('.ssh-key'))).toHaveLength(1);
});

test('an image that is not there is an error before any VM is made', async () => {
  await expect(runIt({ image: 'localhost/botc' })).rejects.toMatchObject({ code: 'IMAGE_UNKNOWN' });
  expect(guest.calls().some((call) => call.startsWith('libvirt run --name'))).toBe(false);
});

test('an unknown plan is an error before any VM is made', async () => {
  await expect(runIt({ filters: ['onee'] })).rejects.toMatchObject({ code: 'PLAN_UNKNOWN', exitCode: 2 });
  expect(guest.calls().some((call) => call.startsWith('libvirt run --name'))).toBe(false);
});

test('a failure of the infrastructure is tried again where that is wanted, and shown as such', async () => {
  onTmt('[ -e "$folder/again" ] || { touch "$folder/again"; exit 2; }; results pass; token');
  expect(await runIt({ retries: 1 })).toBe(0);
  const { report } = latest();
  expect(report.plans).toMatchObject([{ outcome: 'passed', earlierTries: [{ code: 'NO_RESULTS' }] }]);
  expect(resultFile()).toEqual(report.plans[0]);
  expect(printed.join('\n')).toContain('/plans/one  PASSED (try 2; before: NO_RESULTS)');
  expect(printed.join('\n')).toContain('1 passed, 0 failed, 1 tried again');
});

test('a failure of a test or of the product is never tried again', async () => {
  onTmt('[ -e "$folder/again" ] || { touch "$folder/again"; results fail; exit 1; }; results pass; token');
  expect(await runIt({ retries: 3 })).toBe(1);
  expect(failureOf(latest().report)).toMatchObject({ code: 'TEST_FAILED' });
});

test('a failure in quarantine is shown and does not fail the run; another one does', async () => {
  const entry = (code: string) =>
    `- {plan: /plans/one, code: ${code}, tracker: T-1, reason: known, expires: 2999-12-31}\n`;
  onTmt('results fail; exit 1');
  writeFileSync(join(root, 'quarantine.yaml'), entry('TEST_FAILED'));
  expect(await runIt()).toBe(0);
  expect(printed.join('\n')).toContain('QUARANTINED test: TEST_FAILED (T-1, until 2999-12-31)');
  expect(printed.join('\n')).toContain('0 passed, 0 failed, 1 quarantined');
  expect(resultFile()).toMatchObject({ outcome: 'failed', quarantined: { tracker: 'T-1' } });
  writeFileSync(join(root, 'quarantine.yaml'), entry('TEST_ERROR'));
  expect(await runIt()).toBe(1);
});
