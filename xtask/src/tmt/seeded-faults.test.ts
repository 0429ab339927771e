import { expect, test } from 'vitest';
import type { PhaseName } from '../report/plan-report.ts';
import type { FailureClass } from '../vm/console-patterns.ts';
import { type FakeRun, useFakeRun } from './fake-run.ts';

// Whatever goes wrong must never look like a pass, and must be laid at the right door: the test's, the product's, or that of
// all around them.

let run: FakeRun;

useFakeRun((made) => {
  run = made;
});

interface Fault {
  seed: () => void;
  ofClass: FailureClass;
  code: string;
  says: RegExp;
}

type FaultRow = readonly [what: string, seed: () => void, ofClass: FailureClass, code: string, says?: RegExp];

const booted = 'Linux version 7.2\nsystemd[1]: Switching root.\n';
const says = (text: string) => () => {
  run.guest.console(text);
  run.guest.onSsh('echo "Connection refused" >&2; exit 255');
};
const becomes = (state: string) => () => {
  run.guest.onLaunch(`echo ${state} >"$state"`);
  run.guest.onSsh('echo "Connection refused" >&2; exit 255');
};
const inJournal = (entry: object) => () =>
  run.guest.onLaunch(`echo '${JSON.stringify(entry)}' >>"\${console%/*}/journal.json"`);
const launchFails = (words: string) => () => run.guest.onLaunch(`rm "$state"; ${words}; exit 1`);
const bcvkSays = (text: string, code: string) =>
  launchFails(`echo 'error: ${text} [${code}]' >&2; echo '  help: x' >&2`);
const whileTesting = (script: string) => () => run.onTmt(`${script}; exec sleep 60`);

const install: FaultRow[] = [
  [
    'the disk of this machine is full',
    bcvkSays('no room for a base disk', 'CACHE_FULL'),
    'infrastructure',
    'CACHE_FULL',
  ],
  ['no port is free', bcvkSays('no port is free for ssh', 'NO_FREE_PORT'), 'infrastructure', 'NO_FREE_PORT'],
  [
    'libvirt is gone',
    bcvkSays('libvirt does not answer', 'LIBVIRT_UNREACHABLE'),
    'infrastructure',
    'LIBVIRT_UNREACHABLE',
  ],
  ['the disk is too small', bcvkSays('the disk is too small', 'DISK_TOO_SMALL'), 'infrastructure', 'DISK_TOO_SMALL'],
  [
    'the image has no kernel',
    bcvkSays('image x has no kernel', 'IMAGE_WITHOUT_KERNEL'),
    'product',
    'IMAGE_WITHOUT_KERNEL',
  ],
  [
    'the installation fails',
    bcvkSays('bootc install to-disk exited with 1', 'INSTALL_FAILED'),
    'product',
    'INSTALL_FAILED',
  ],
  ['the installer panics', bcvkSays('the guest panicked', 'GUEST_PANIC'), 'product', 'GUEST_PANIC'],
  ['bcvk says nothing', launchFails(':'), 'infrastructure', 'VM_LAUNCH_FAILED'],
  ['bcvk is killed', launchFails('kill -9 $$'), 'infrastructure', 'VM_LAUNCH_FAILED'],
];

const boot: FaultRow[] = [
  ['a kernel panic', says(`${booted}Kernel panic - not syncing: Attempted to kill init!`), 'product', 'GUEST_PANIC'],
  ['a kernel bug', says('BUG: kernel NULL pointer dereference, address: 0\n'), 'product', 'GUEST_KERNEL_BUG'],
  ['an emergency shell', says(`${booted}You are in emergency mode.\n`), 'product', 'GUEST_EMERGENCY_SHELL'],
  [
    'an emergency shell of dracut',
    says('Entering emergency mode. Exit the shell to continue.\n'),
    'product',
    'GUEST_DRACUT_EMERGENCY',
  ],
  [
    'a root that is not mounted',
    says('[FAILED] Failed to mount sysroot.mount - /sysroot.\n'),
    'product',
    'GUEST_ROOT_NOT_MOUNTED',
  ],
  ['an init that froze', says('systemd[1]: Freezing execution.\n'), 'product', 'GUEST_INIT_FROZE'],
  [
    'an ordering cycle',
    says('systemd[1]: sysinit.target: Found ordering cycle on x\n'),
    'product',
    'GUEST_ORDERING_CYCLE',
  ],
  [
    'an ordering cycle that only the journal tells',
    inJournal({ _PID: '1', MESSAGE: 'sysinit.target: Found ordering cycle on x.service/start' }),
    'product',
    'GUEST_ORDERING_CYCLE',
    /Found ordering cycle on x.service/,
  ],
  [
    'a disk that fails',
    says('blk_update_request: I/O error, dev vda, sector 8\n'),
    'infrastructure',
    'GUEST_DISK_ERROR',
  ],
  ['a damaged file system', says('EXT4-fs error (device vda3): bad block\n'), 'product', 'GUEST_FILESYSTEM_ERROR'],
  ['no memory left', says('Out of memory: Killed process 1 (node)\n'), 'product', 'GUEST_OUT_OF_MEMORY'],
  ['a signature that is refused', says('Image Authentication Failure\n'), 'product', 'GUEST_SECURE_BOOT_REFUSED'],
  [
    'no boot entry',
    says('error: ../../grub-core/kern/disk.c: no such device: root.\n'),
    'product',
    'GUEST_NO_BOOT_ENTRY',
  ],
  ['no boot loader', says('UEFI Interactive Shell v2.2\n'), 'product', 'GUEST_NO_BOOT_DEVICE'],
  ['a firmware that hangs', says('BdsDxe: starting Boot0001\n'), 'product', 'GUEST_NOT_READY', /phase firmware/],
  ['a guest that says nothing', says(''), 'product', 'GUEST_NOT_READY', /before its console said anything/],
  ['no sshd', says(`${booted}debian login: `), 'product', 'GUEST_NO_SSHD', /is sshd enabled/],
  [
    'a unit of sshd that fails',
    says(`${booted}[FAILED] Failed to start ssh.service - ssh.\ndebian login: `),
    'product',
    'GUEST_NO_SSHD',
    /failed units: ssh/,
  ],
  [
    'a key that is refused',
    () => run.guest.onSsh('echo "Permission denied (publickey)." >&2; exit 255'),
    'product',
    'GUEST_NOT_READY',
    /does not accept the key/,
  ],
  ['a guest that powers off', becomes('shut off'), 'product', 'GUEST_STOPPED'],
  ['a guest that crashes', becomes('crashed'), 'product', 'GUEST_CRASHED'],
  ['a guest that is paused', becomes('paused'), 'infrastructure', 'GUEST_PAUSED'],
];

const tests: FaultRow[] = [
  ['a failed test', () => run.onTmt('results fail; token; exit 1'), 'test', 'TEST_FAILED'],
  ['a test with an error', () => run.onTmt('results error; exit 2'), 'test', 'TEST_ERROR'],
  ['a test that was not run', () => run.onTmt('results pending; exit 2'), 'infrastructure', 'TEST_NOT_RUN'],
  ['a pass without the token', () => run.onTmt('results pass'), 'infrastructure', 'TOKEN_MISSING'],
  ['the token of another run', () => run.onTmt('results pass; nonce=old; token'), 'infrastructure', 'TOKEN_MISSING'],
  ['a token without results', () => run.onTmt('token'), 'infrastructure', 'NO_RESULTS'],
  ['tmt that fails', () => run.onTmt('echo "no such guest" >&2; exit 2'), 'infrastructure', 'NO_RESULTS'],
  ['tmt that crashes', () => run.onTmt('results pass; token; kill -SEGV $$'), 'infrastructure', 'TMT_CRASHED'],
  [
    'tmt that disagrees with its results',
    () => run.onTmt('results pass; token; exit 2'),
    'infrastructure',
    'TMT_DISAGREES',
  ],
  ['tests that never end', () => run.onTmt('exec sleep 60'), 'test', 'TMT_TIMED_OUT', /though the guest answers/],
  ['a test that never ends', whileTesting('results pending'), 'test', 'TMT_TIMED_OUT', /tests\/one/],
  [
    'a guest that no ssh reaches any more',
    whileTesting(`printf '#!/bin/sh\\necho Connection refused >&2; exit 255\\n' >"$folder/bin/ssh"`),
    'infrastructure',
    'TMT_TIMED_OUT',
    /does not answer/,
  ],
  ['a panic', whileTesting('printf "\\nKernel panic - not syncing: x\\n" >>"$console"'), 'product', 'GUEST_PANIC'],
  [
    'a panic after the token',
    whileTesting('results pass; token; printf "\\nKernel panic - not syncing: x\\n" >>"$console"'),
    'product',
    'GUEST_PANIC',
  ],
  [
    'a guest that powers off after the token',
    whileTesting('results pass; token; echo shut off >"$state"'),
    'product',
    'GUEST_STOPPED',
  ],
  [
    'a reboot that ends in an emergency shell',
    whileTesting('printf "\\nYou are in emergency mode.\\n" >>"$console"'),
    'product',
    'GUEST_EMERGENCY_SHELL',
  ],
  [
    'an ordering cycle after a reboot, in the journal',
    whileTesting(
      `echo '{"_PID":"1","MESSAGE":"Job x.service/start deleted to break ordering cycle"}' >>"\${console%/*}/journal.json"`,
    ),
    'product',
    'GUEST_ORDERING_CYCLE',
  ],
  [
    'a guest that is paused, as on a full disk',
    whileTesting('echo paused >"$state"'),
    'infrastructure',
    'GUEST_PAUSED',
  ],
  ['a guest that vanishes', whileTesting('rm "$state"'), 'infrastructure', 'GUEST_GONE'],
];

const phases: readonly (readonly [PhaseName, readonly FaultRow[]])[] = [
  ['install', install],
  ['boot', boot],
  ['tests', tests],
];

for (const [phase, faults] of phases) {
  const rows = faults.map(([what, seed, ofClass, code, says = /./]): [string, Fault] => [
    what,
    { seed, ofClass, code, says },
  ]);
  test.each(rows)(`${phase}: %s`, async (_what, { seed, ofClass, code, says }) => {
    seed();
    const timeouts = { boot_seconds: 120, plan_seconds: code === 'TMT_TIMED_OUT' ? 1 : 60 };
    expect(await run.runIt({ timeouts })).toBe(1);
    const [plan] = run.latest().report.plans;
    expect(plan).toMatchObject({ outcome: 'failed', failure: { class: ofClass, code, phase } });
    expect(plan?.failure?.message).toMatch(says);
    // Neither the VM nor a pass is left.
    expect(run.guest.state()).toBeUndefined();
    expect(run.printed.join('\n')).toContain('0 passed, 1 failed');
  });
}

test('there are enough of them to mean something', () => {
  expect(install.length + boot.length + tests.length).toBeGreaterThanOrEqual(30);
});
