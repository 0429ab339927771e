import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BcvkClient } from '../vm/bcvk-client.ts';
import { fastClock } from '../vm/fake-guest.ts';
import { Machine } from '../vm/machine.ts';
import { type FakeRun, useFakeRun } from './fake-run.ts';

let run: FakeRun;

useFakeRun((made) => {
  run = made;
});

/** A VM that was there before the run. */
async function runningVm(): Promise<Machine> {
  const logFolder = join(run.root, 'logs');
  mkdirSync(logFolder);
  const console = join(logFolder, 'console.log');
  writeFileSync(console, 'debian login: ');
  writeFileSync(join(run.guest.folder, 'console-path'), console);
  run.guest.setState('running');
  const machine = new Machine({
    name: 'bootc-dev',
    image: 'localhost/bootc',
    labels: [],
    bcvkOptions: [],
    bindStorage: false,
    snapshot: false,
    logFolder,
    bcvk: new BcvkClient({ argv: [run.guest.bcvk], kind: 'file', why: 'a test' }),
    support: { logDir: true, consoleLog: true, snapshot: true },
    accel: 'kvm',
    timeouts: { boot_seconds: 900 },
    clock: fastClock(100),
    keyFile: join(logFolder, 'key'),
    atEnd: 'keep',
  });
  await machine.waitForSsh();
  return machine;
}

const tmtCall = () => readFileSync(join(run.guest.folder, 'tmt-call'), 'utf8');

test('plans that change nothing run in a VM that is there, no others do, and the VM stays', async () => {
  run.plans('/plans/looking', '/plans/one');
  await using running = await runningVm();
  expect(await run.runIt({ running, tests: ['status'] })).toBe(0);
  expect(run.latest().report.plans).toMatchObject([
    { plan: '/plans/looking', vm: 'bootc-dev', outcome: 'passed', phases: [{ name: 'tests' }] },
  ]);
  expect(tmtCall()).toContain(' test --name=status|/finish$');
  expect(tmtCall()).toContain('--environment=BOOTC_plan_tests=status ');
  expect(run.guest.calls().filter((call) => /^libvirt (?:run --name|rm)/.test(call))).toEqual([]);
  expect(run.guest.state()).toBe('running');
});

test('tests in a VM that is there pass only with the token on its console, and fail when it dies', async () => {
  run.plans('/plans/looking');
  await using running = await runningVm();
  run.onTmt('results pass');
  expect(await run.runIt({ running })).toBe(1);
  expect(run.latest().report.plans[0]?.failure?.code).toBe('TOKEN_MISSING');
  run.onTmt('echo "shut off" >"$state"; exec sleep 20');
  expect(await run.runIt({ running })).toBe(1);
  expect(run.latest().report.plans[0]?.failure?.code).toBe('GUEST_STOPPED');
});

test('a test that plans which change nothing do not have is refused', async () => {
  run.plans('/plans/looking', '/plans/one');
  await using running = await runningVm();
  await expect(run.runIt({ running, tests: ['rollback'] })).rejects.toMatchObject({
    code: 'TEST_UNKNOWN',
    message: "no test of /plans/looking has 'rollback' in its name",
  });
});

test('the distribution is that of the VM that is there, also when its image is gone', async () => {
  run.plans('/plans/looking');
  run.guest.program('podman', 'exit 1\n');
  await using running = await runningVm();
  run.guest.onSsh(`case "$*" in *os-release) echo 'ID="fedora"'; echo VERSION_ID=43; echo VARIANT_ID=core ;; esac`);
  expect(await run.runIt({ running })).toBe(0);
  expect(tmtCall()).toContain('distro=fedora-43');
  expect(tmtCall()).toContain('VARIANT_ID=core');
});
