import { appendFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { ConsoleFollower, consoleLogName } from './console-follower.ts';
import { type DomainAnswer, GuestMonitor } from './guest-monitor.ts';
import { manualClock } from './waits/manual-clock.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monitor-'));
});

function print(text: string): void {
  appendFileSync(join(folder, consoleLogName), text);
}

/** A monitor of a guest whose states are given: the last one stays. */
function monitorOf(states: DomainAnswer[], clock = manualClock()): GuestMonitor {
  const domain = async (): Promise<DomainAnswer> => (states.length > 1 ? states.shift() : states[0]) as DomainAnswer;
  return new GuestMonitor({ name: 'vm', console: new ConsoleFollower(folder), domain, clock });
}

const running: DomainAnswer = { state: 'running' };

test('a panic is a death of the product, with phase and last lines', async () => {
  print('Linux version 7.2\nrun-init: no /sbin/init\nKernel panic - not syncing: no init\nCPU: 0 PID: 1\n');
  await using monitor = monitorOf([running]);
  expect(await monitor.died).toMatchObject({
    code: 'GUEST_PANIC',
    class: 'product',
    phase: 'kernel',
    evidence: 'Kernel panic - not syncing: no init',
    consoleTail: expect.arrayContaining(['CPU: 0 PID: 1']),
  });
  expect(monitor.death).toBeDefined();
});

test('a death is noticed within 5 s of the fatal line, and of the stop', async () => {
  const clock = manualClock();
  await using byLine = monitorOf([running], clock);
  await clock.sleep(60_000);
  print('You are in emergency mode.\n');
  const from = clock.now();
  expect((await byLine.died).code).toBe('GUEST_EMERGENCY_SHELL');
  expect(clock.now() - from).toBeLessThan(5000);

  const states = [running];
  await using byState = new GuestMonitor({
    name: 'vm',
    console: new ConsoleFollower('/none'),
    domain: async () => states[0] as DomainAnswer,
    clock,
  });
  await clock.sleep(60_000);
  states[0] = { state: 'shut off' };
  const stoppedAt = clock.now();
  expect((await byState.died).code).toBe('GUEST_STOPPED');
  expect(clock.now() - stoppedAt).toBeLessThan(5000);
});

test('a guest that is paused for a moment while it is started lives; one that stays paused is dead', async () => {
  const clock = manualClock();
  await using starting = monitorOf([{ state: 'paused' }, running], clock);
  await clock.sleep(60_000);
  expect(starting.death).toBeUndefined();
  await using stuck = monitorOf([running, { state: 'paused' }]);
  expect(await stuck.died).toMatchObject({ code: 'GUEST_PAUSED', class: 'infrastructure' });
});

test('one failed call of bcvk is forgiven, two in a row are not', async () => {
  const clock = manualClock();
  await using hiccup = monitorOf([{ unknown: 'virsh: timed out' }, running], clock);
  await clock.sleep(60_000);
  expect(hiccup.death).toBeUndefined();
  await using gone = monitorOf([running, { unknown: "Domain 'vm' not found" }]);
  expect(await gone.died).toMatchObject({ code: 'GUEST_GONE', evidence: "Domain 'vm' not found" });
});

test('a guest that stopped after a panic died of the panic', async () => {
  await using monitor = new GuestMonitor({
    name: 'vm',
    console: new ConsoleFollower(folder),
    // The line comes in the very moment of the stop, before the console is looked at again.
    domain: async () => {
      print('Out of memory: Killed process 7 (systemd)\n');
      return { state: 'shut off' };
    },
    clock: manualClock(),
  });
  expect((await monitor.died).code).toBe('GUEST_OUT_OF_MEMORY');
});

test('disposal ends the watch without a death', async () => {
  const clock = manualClock();
  const monitor = monitorOf([running], clock);
  await clock.sleep(1000);
  await monitor[Symbol.asyncDispose]();
  print('Kernel panic - not syncing\n');
  await clock.sleep(60_000);
  expect(monitor.death).toBeUndefined();
});
