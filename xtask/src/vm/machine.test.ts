import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { BcvkClient } from './bcvk-client.ts';
import { type FakeGuest, fakeGuest, fastClock } from './fake-guest.ts';
import { GuestDeath } from './guest-death.ts';
import { LaunchError, launchMachine, type MachineOptions } from './machine.ts';

let guest: FakeGuest;
let logFolder: string;
beforeEach(() => {
  guest = fakeGuest();
  logFolder = join(guest.folder, 'logs');
  mkdirSync(logFolder);
  vi.stubEnv('PATH', guest.path);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(guest.folder, { recursive: true });
});

function options(change: Partial<MachineOptions> = {}): MachineOptions {
  return {
    name: 'bootc-tmt-abcd-plans-readonly',
    image: 'localhost/bootc',
    labels: ['bootc.test=1'],
    bcvkOptions: [],
    bindStorage: false,
    snapshot: false,
    logFolder,
    keyFile: join(logFolder, 'ssh-key'),
    atEnd: 'remove',
    bcvk: new BcvkClient({ argv: [guest.bcvk], kind: 'file', why: 'test' }),
    support: { logDir: true, consoleLog: true, snapshot: true },
    accel: 'kvm',
    // Plenty: on a busy machine one call of ssh may take half a minute of the fast clock.
    timeouts: { boot_seconds: 900 },
    clock: fastClock(),
    ...change,
  };
}

async function deathOf(change: Partial<MachineOptions> = {}): Promise<GuestDeath> {
  await using vm = await launchMachine(options(change));
  const error = await vm.waitForSsh().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof GuestDeath)) throw new Error(`expected a death, got ${String(error)}`);
  return error;
}

test('a guest that answers is ready; in the end it and its key are gone', async () => {
  {
    await using vm = await launchMachine(options());
    await vm.waitForSsh();
    expect(vm.target.port).toBe(2222);
    expect(readFileSync(vm.target.keyFile, 'utf8')).toBe('KEY\n');
    expect(statSync(vm.target.keyFile).mode & 0o777).toBe(0o600);
    expect(guest.state()).toBe('running');
  }
  expect(guest.state()).toBeUndefined();
  expect(existsSync(join(logFolder, 'ssh-key'))).toBe(false);
});

test('deadlines are stretched by how bcvk says that it runs the guest', async () => {
  guest.onLaunch(`echo '{"phases":[{"name":"start","durationMs":1,"facts":{"accel":"tcg"}}]}' >"$BCVK_TIMINGS"`);
  await using vm = await launchMachine(options());
  expect(vm).toMatchObject({ accel: 'tcg', deadlines: { scale: 6, bootMs: 5_400_000 } });
});

test('a preserved VM stays, with its key where the instructions say', async () => {
  const vm = await launchMachine(options({ atEnd: 'keep and tell' }));
  await vm.waitForSsh();
  await vm[Symbol.asyncDispose]();
  expect(guest.state()).toBe('running');
  expect(vm.sshInstructions).toContain(`-i ${vm.target.keyFile} -p 2222`);
  expect(readFileSync(vm.target.keyFile, 'utf8')).toBe('KEY\n');
});

test('watching a guest takes no calls of bcvk, unless virsh cannot tell', async () => {
  guest.onSsh('sleep 1; exit 0');
  const inspections = () => guest.calls().filter((call) => call.startsWith('libvirt inspect')).length;
  const watch = async () => {
    await using vm = await launchMachine(options());
    await vm.waitForSsh();
    expect(vm.monitor.death).toBeUndefined();
  };
  await watch();
  expect(guest.calls().filter((call) => call.startsWith('virsh domstate')).length).toBeGreaterThan(3);
  // For port and key.
  expect(inspections()).toBe(1);
  // As where bcvk is a wrapper that connects elsewhere.
  guest.program('virsh', 'echo "error: failed to get domain" >&2; exit 1\n');
  await watch();
  expect(inspections()).toBeGreaterThan(4);
});

const refused = 'echo "kex_exchange_identification: read: Connection reset by peer" >&2; exit 255';

test.each([
  ['a panic', 'GUEST_PANIC', 'product', () => guest.console('Kernel panic - not syncing: no init\n')],
  ['an emergency shell', 'GUEST_EMERGENCY_SHELL', 'product', () => guest.console('You are in emergency mode.\n')],
  ['a dracut shell', 'GUEST_DRACUT_EMERGENCY', 'product', () => guest.console('Starting dracut-emergency.service\n')],
  ['no boot device', 'GUEST_NO_BOOT_DEVICE', 'product', () => guest.console('BdsDxe: No bootable option or device\n')],
  ['a paused domain', 'GUEST_PAUSED', 'infrastructure', () => guest.onLaunch('echo paused >"$state"')],
  ['a stopped domain', 'GUEST_STOPPED', 'product', () => guest.onLaunch('echo shut off >"$state"')],
  ['a VM that vanished', 'GUEST_GONE', 'infrastructure', () => guest.onLaunch('rm "$state"')],
  ['no sshd', 'GUEST_NO_SSHD', 'product', () => {}],
])('%s is %s (%s)', async (_what, code, ofClass, arrange) => {
  guest.onSsh(refused);
  arrange();
  expect(await deathOf()).toMatchObject({ code, class: ofClass });
});

test('the last reason is kept', async () => {
  guest.onSsh(refused);
  expect((await deathOf()).message).toMatch(
    /is up but has no sshd after \d+ s, in phase login prompt: connection refused by the guest \(port 2222\), though the guest is up: is sshd enabled\?/,
  );
  guest.onSsh('echo "root@localhost: Permission denied (publickey)." >&2; exit 255');
  guest.console('Linux version 7\n');
  const hung = await deathOf({ timeouts: { boot_seconds: 30 } });
  expect(hung).toMatchObject({ code: 'GUEST_NOT_READY', class: 'product', phase: 'kernel' });
  expect(hung.message).toContain('the guest does not accept the key (port 2222); the guest is in phase');
});

test('units that failed are named, with their last words', async () => {
  guest.onSsh(refused);
  const journal = [
    { _SYSTEMD_UNIT: 'ssh.service', MESSAGE: 'sshd: no hostkeys available -- exiting.' },
    { UNIT: 'ssh.service', JOB_RESULT: 'failed' },
  ];
  writeFileSync(join(logFolder, 'journal.json'), journal.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
  guest.console('[FAILED] Failed to start ssh.service - OpenBSD Secure Shell server.\nvm login: ');
  expect((await deathOf()).message).toMatch(
    /is sshd enabled\?; failed units: ssh.service \(sshd: no hostkeys available -- exiting.\)$/,
  );
});

test('bcvk that fails is a fault of all around, and leaves nothing', async () => {
  guest.onLaunch('echo "error: no space left on device" >&2; exit 1');
  const error = await launchMachine(options()).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(LaunchError);
  expect(error).toMatchObject({ code: 'VM_LAUNCH_FAILED', class: 'infrastructure' });
  expect((error as LaunchError).message).toContain('error: no space left on device');
  expect(guest.state()).toBeUndefined();
});

test('a VM that has the name already is left alone, whether bcvk refuses or is stopped', async () => {
  const owned = (owner: string) => options({ labels: ['bootc.test=1', `bootc.run=${owner}`], atEnd: 'keep' });
  await using _theirs = await launchMachine(owned('theirs'));
  await expect(launchMachine(owned('ours'))).rejects.toMatchObject({ name: 'LaunchError', code: 'VM_EXISTS' });
  expect(guest.state()).toBe('running');
  // As when bcvk waits for the other one to be made.
  const stopped = owned('ours');
  const launching = launchMachine({ ...stopped, signal: AbortSignal.abort() });
  await expect(launching).rejects.toMatchObject({ failure: 'aborted' });
  expect(guest.state()).toBe('running');
});

test.each(['INSTALL_FAILED', 'GUEST_PANIC'])(
  'an installation that failed with %s is a fault of the product',
  async (code) => {
    guest.onLaunch(`echo "error: bootc install exited with 1 [${code}]\n  help: x" >&2; exit 1`);
    await expect(launchMachine(options())).rejects.toMatchObject({ name: 'LaunchError', code, class: 'product' });
  },
);

test('an abort ends the wait and removes the VM', async () => {
  guest.onSsh('exit 255');
  const controller = new AbortController();
  const work = async (): Promise<void> => {
    await using vm = await launchMachine(options({ signal: controller.signal }));
    await vm.waitForSsh(() => controller.abort(new Error('Ctrl-C')));
  };
  await expect(work()).rejects.toThrow('Ctrl-C');
  expect(guest.state()).toBeUndefined();
});
