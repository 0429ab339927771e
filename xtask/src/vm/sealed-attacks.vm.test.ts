import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GuestSession } from '../dev/guest-session.ts';
import { rebootGuest } from '../dev/reboot.ts';
import { upgradeImageOf } from '../image/build.ts';
import type { PlacedCell } from '../matrix/resolve.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { requireSecureBootKeys, type TestRequest, testRequest } from '../settings/test-request.ts';
import { type PreparedRun, prepareRun } from '../tmt/prepare-run.ts';
import { consoleLogs } from './console-follower.ts';
import { launchMachine, type Machine } from './machine.ts';
import { sshCommand } from './ssh-probe.ts';

// Someone with root on a sealed machine, or with its disk, changes what it boots. Each change is made in a VM of its own
// and has to be refused: by the kernel when the file is read, by the initramfs, or by the firmware.

/** What a sealed machine says when it does not boot what it finds. */
const refusals = {
  firmware: /(?:Access [Dd]enied|Security [Vv]iolation)/,
  initramfs:
    /bootc: cannot set up the root: the image [0-9a-f]{128} (?:does not hold what its name says|has no fs-verity)/,
};

const never = new AbortController().signal;
let request: TestRequest;
let prepared: PreparedRun;

beforeAll(async () => {
  const from = 'the test';
  const commandLine: Partial<PlacedCell> = {
    bootType: { value: 'uki', from },
    sealState: { value: 'sealed', from },
  };
  const settings = await loadSettings({ commandLine });
  await requireSecureBootKeys(settings.cell);
  request = testRequest(settings, { image: 'localhost/bootc' });
  prepared = await prepareRun({ ...request, signal: never }, 'sealed-attacks');
});

afterAll(() => prepared?.folder.finish());

// The ESP, writable, at /run/esp, and `uki_of ROLE`: the unified kernel image of a deployment.
const prelude = `
set -eu
mkdir -p /run/esp
mountpoint -q /run/esp || mount "$(realpath /dev/disk/by-partlabel/EFI-SYSTEM)" /run/esp
uki_of() {
  id=$(bootc status --format=json | jq -re ".status.$1.composefs.verity")
  echo "/run/esp/EFI/Linux/bootc/bootc_composefs-$id.efi"
}
`;

test('a changed object is not read', { timeout: 900_000 }, async () => {
  await using vm = await boot('object');
  const out = await inGuest(
    vm,
    `
    file=/usr/share/dbus-1/session.conf
    object=/sysroot/composefs/objects/$(bootc internals cfs dump-files --backing-path-only \
      "$(sed -n 's/.*composefs=\\([0-9a-f]*\\).*/\\1/p' /proc/cmdline)" $file | sed 's/.* //')
    cat $file >/dev/null && echo readable before
    ! echo more 2>/dev/null >>$object && echo not writable
    unshare --mount sh -ec 'mount -o remount,rw /sysroot; cp $1 $1.new; echo more >>$1.new; mv $1.new $1' sh $object
    echo 3 >/proc/sys/vm/drop_caches
    ! cat $file >/dev/null 2>&1 && echo refused afterwards
    `,
  );
  expect(out.split('\n').filter((line) => line !== '')).toEqual([
    'readable before',
    'not writable',
    'refused afterwards',
  ]);
});

test('a changed image file is not mounted', { timeout: 900_000 }, async () => {
  await using vm = await boot('image');
  await inGuest(
    vm,
    `
    image=$(realpath /sysroot/composefs/images/$(bootc status --format=json | jq -r .status.booted.composefs.verity))
    unshare --mount sh -ec 'mount -o remount,rw /sysroot; cp $1 $1.new; printf x | dd of=$1.new bs=1 seek=9000 conv=notrunc
      fsverity enable --hash-alg=sha512 $1.new; mv $1.new $1' sh $image
    `,
  );
  await expectRefusal(vm, 'initramfs');
});

test('a changed kernel command line is not started', { timeout: 900_000 }, async () => {
  await using vm = await boot('cmdline');
  await inGuest(
    vm,
    `
    uki=$(uki_of booted)
    place=$(grep -obUa 'composefs=' $uki | head -n 1 | cut -d: -f1)
    printf X | dd of=$uki bs=1 seek=$place conv=notrunc
    `,
  );
  await expectRefusal(vm, 'firmware');
});

test('a unified kernel image without a signature is not started', { timeout: 900_000 }, async () => {
  await using vm = await boot('unsigned');
  await takeSignature(vm, 'booted');
  await expectRefusal(vm, 'firmware');
});

test('a rollback to a deployment without a signature is not started', { timeout: 1_800_000 }, async () => {
  await using vm = await boot('rollback', true);
  await inGuest(vm, `bootc switch --transport containers-storage ${upgradeImageOf(1)}`);
  await reboot(vm);
  expect(await inGuest(vm, 'cat /usr/share/bootc-tests-marker')).toBe('1\n');
  await takeSignature(vm, 'rollback');
  await inGuest(vm, 'bootc rollback');
  await expectRefusal(vm, 'firmware');
});

async function boot(name: string, bindStorage = false): Promise<Machine> {
  const { bcvk, support, accel, labels, folder, world } = prepared;
  const logFolder = folder.planFolder('sealed-attacks', name);
  const machine = await launchMachine({
    name: `bootc-attack-${folder.suffix}-${name}`,
    image: request.image,
    labels,
    bcvkOptions: request.bcvkOptions,
    bindStorage,
    snapshot: false,
    logFolder,
    bcvk: bcvk.withLog(join(logFolder, 'commands.log')),
    support,
    accel,
    timeouts: request.timeouts,
    clock: world.clock,
    keyFile: join(folder.workPath, `${name}.ssh-key`),
    atEnd: 'remove',
  });
  await machine.waitForSsh();
  const lockdown = await inGuest(machine, 'bootc status --format=json | jq -r .status.secureBoot');
  expect(lockdown).toBe('enabled\n');
  return machine;
}

async function inGuest(vm: Machine, script: string): Promise<string> {
  const { stdout } = await run([...sshCommand(vm.target), 'sh'], {
    step: 'change the guest',
    input: prelude + script,
    timeoutMs: 600_000,
  });
  return stdout;
}

async function reboot(vm: Machine): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'reboot-'));
  const session = new GuestSession(vm.target, join(folder, 'ssh'));
  try {
    const { monitor, deadlines } = vm;
    await rebootGuest({ session, monitor, deadlineMs: deadlines.bootMs, clock: prepared.world.clock, signal: never });
  } finally {
    await session.close();
    rmSync(folder, { recursive: true });
  }
}

// sbattach(1) is a tool of this machine, not of the image.
async function takeSignature(vm: Machine, role: string): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'unsigned-'));
  const file = join(folder, 'uki.efi');
  try {
    const encoded = await inGuest(vm, `base64 -w0 "$(uki_of ${role})"`);
    writeFileSync(file, Buffer.from(encoded, 'base64'));
    await run(['sbattach', '--remove', file], { step: 'take the signature off' });
    const unsigned = readFileSync(file).toString('base64');
    await inGuest(vm, `base64 -d >"$(uki_of ${role})" <<'END'\n${unsigned}\nEND\n`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function expectRefusal(vm: Machine, by: keyof typeof refusals): Promise<void> {
  const before = consoleTexts(vm);
  // What a boot that nobody touched says must not be taken for a refusal.
  expect([...before.values()].join('')).not.toMatch(refusals[by]);
  const said = () => [...consoleTexts(vm)].map(([log, text]) => text.slice(before.get(log)?.length ?? 0)).join('');
  await inGuest(vm, 'umount /run/esp; sync; systemctl reboot').catch(() => undefined);
  await expect.poll(said, { timeout: 300_000, interval: 1000 }).toMatch(refusals[by]);
  expect(said()).not.toMatch(/login:/);
}

/** What each console of a VM has said, by the name of its log. */
function consoleTexts(vm: Machine): Map<string, string> {
  const logs = consoleLogs(vm.logFolder);
  return new Map(logs.map((log) => [log, readFileSync(join(vm.logFolder, log), 'utf8')]));
}
