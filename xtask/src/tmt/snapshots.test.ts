import { expect, test } from 'vitest';
import { type FakeRun, useFakeRun } from './fake-run.ts';

let run: FakeRun;

useFakeRun((made) => {
  run = made;
});

/** What the bundled bcvk writes of its phases, as a shell command. */
function timings(...phases: { name: string; facts?: object }[]): string {
  const text = JSON.stringify({ phases: phases.map((phase) => ({ durationMs: 1, ...phase })) });
  return `printf '%s' '${text}' >"$BCVK_TIMINGS"`;
}

const phasesOf = (place = 0) => run.latest().report.plans[place]?.phases.map(({ name }) => name);
const launches = () => run.guest.calls().filter((call) => call.includes('--name='));

test('the first VM of its kind gives the snapshot once it has booted, and stands still for it unharmed', async () => {
  run.guest.onLaunch(timings({ name: 'start', facts: { wantsSnapshot: true } }));
  run.guest.onSnapshot('echo "shut off" >"$state"; sleep 0.3; echo running >"$state"');
  expect(await run.runIt({ snapshot: true })).toBe(0);
  expect(phasesOf()).toEqual(['install', 'boot', 'snapshot', 'tests']);
  expect(run.guest.calls()).toContainEqual(expect.stringMatching(/^libvirt take-snapshot bootc-tmt-\S+-plans-one$/));
});

test('a VM that went on from a snapshot is told from one that booted', async () => {
  run.guest.onLaunch(timings({ name: 'restore', facts: { accel: 'tcg' } }));
  expect(await run.runIt({ snapshot: true })).toBe(0);
  expect(phasesOf()).toEqual(['install', 'restore', 'tests']);
  expect(run.printed.join('\n')).toContain('(snapshot)');
  expect(run.guest.calls().join('\n')).not.toContain('take-snapshot');
});

test('a snapshot that did not start was followed by a boot, which gives another', async () => {
  run.guest.onLaunch(timings({ name: 'restore' }, { name: 'start', facts: { wantsSnapshot: true } }));
  expect(await run.runIt({ snapshot: true })).toBe(0);
  expect(phasesOf()).toEqual(['install', 'boot', 'snapshot', 'tests']);
});

test('a snapshot that cannot be taken costs no plan; a VM that is lost by it does', async () => {
  run.guest.onLaunch(timings({ name: 'start', facts: { wantsSnapshot: true } }));
  run.guest.onSnapshot('echo "error: no room" >&2; exit 1');
  expect(await run.runIt({ snapshot: true })).toBe(0);
  run.guest.onSnapshot('echo "shut off" >"$state"; exit 1');
  run.onTmt('exec sleep 20');
  expect(await run.runIt({ snapshot: true })).toBe(1);
  expect(run.latest().report.plans[0]?.failure?.code).toBe('GUEST_STOPPED');
});

test('a plan that needs a boot asks for no snapshot, nor does a run that is to have none', async () => {
  run.plans('/plans/one', '/plans/fresh');
  expect(await run.runIt({ snapshot: true, parallel: 1 })).toBe(0);
  expect(launches().map((call) => call.includes('--snapshot'))).toEqual([true, false]);
  expect(await run.runIt({ snapshot: false, parallel: 1 })).toBe(0);
  expect(launches().slice(2).join()).not.toContain('--snapshot');
});
