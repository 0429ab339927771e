import type { AnyVerb } from './verb.ts';

/** One line of `xtask --help`, and where the verb is. */
export interface VerbEntry {
  readonly name: string;
  readonly describe: string;
  readonly group: 'test' | 'dev' | 'look' | 'tidy';
  /** Set when its options choose a cell, which is then checked first. */
  readonly takesCell?: true;
  /** Verbs are loaded when they are used, so that the quick ones stay quick. */
  readonly load: () => Promise<AnyVerb>;
}

/** Every verb of xtask. */
export const verbs: readonly VerbEntry[] = [
  {
    name: 'test-tmt',
    describe: 'build the image of a cell, and run tmt plans in VMs of it',
    group: 'test',
    takesCell: true,
    load: async () => (await import('./test-tmt.ts')).testTmt,
  },
  {
    name: 'run-tmt',
    describe: 'run tmt plans in VMs of an image that is there',
    group: 'test',
    takesCell: true,
    load: async () => (await import('./run-tmt.ts')).runTmt,
  },
  {
    name: 'test-matrix',
    describe: 'run plans in every cell that can exist, and go on where it was stopped',
    group: 'test',
    load: async () => (await import('./test-matrix.ts')).testMatrix,
  },
  {
    name: 'test-sealed',
    describe: 'build the sealed image, and boot it with each part of its boot changed: all has to be refused',
    group: 'test',
    load: async () => (await import('./vm-tests.ts')).testSealed,
  },
  {
    name: 'test-dead-guests',
    describe: 'build the image, and run plans in guests that cannot pass: each has to be told at once',
    group: 'test',
    load: async () => (await import('./vm-tests.ts')).testDeadGuests,
  },
  {
    name: 'test',
    describe: 'lint, types, unit and interop tests: all that needs no VM',
    group: 'test',
    load: async () => (await import('./test.ts')).test,
  },
  {
    name: 'tmt-provision',
    describe: 'start one VM of an image, to work in by hand',
    group: 'test',
    takesCell: true,
    load: async () => (await import('./tmt-provision.ts')).tmtProvision,
  },
  {
    name: 'build',
    describe: 'build the image of a cell',
    group: 'test',
    takesCell: true,
    load: async () => (await import('./build.ts')).build,
  },
  {
    name: 'legacy-disk',
    describe: 'turn a freshly installed disk into one of bootc 1.13',
    group: 'test',
    load: async () => (await import('./legacy-disk.ts')).legacyDisk,
  },
  {
    name: 'dev-up',
    describe: 'start the development VM with the program of this moment in it',
    group: 'dev',
    takesCell: true,
    load: async () => (await import('./dev-up.ts')).devUp,
  },
  {
    name: 'dev-sync',
    describe: 'bring the program of this moment into the development VM',
    group: 'dev',
    load: async () => (await import('./dev-sync.ts')).devSync,
  },
  {
    name: 'dev-test',
    describe: 'the verdict on an edit: sync, and run tests in the development VM',
    group: 'dev',
    load: async () => (await import('./dev-test.ts')).devTest,
  },
  {
    name: 'dev-ssh',
    describe: 'run a command in the development VM, or a shell',
    group: 'dev',
    load: async () => (await import('./dev-ssh.ts')).devSsh,
  },
  {
    name: 'dev-down',
    describe: 'remove the development VM',
    group: 'dev',
    load: async () => (await import('./dev-down.ts')).devDown,
  },
  {
    name: 'dev-status',
    describe: 'show the development VM and the program in it',
    group: 'dev',
    load: async () => (await import('./dev-status.ts')).devStatus,
  },
  {
    name: 'dev-logs',
    describe: 'follow the journal of the development VM',
    group: 'dev',
    load: async () => (await import('./dev-logs.ts')).devLogs,
  },
  {
    name: 'dev-sysext-status',
    describe: 'show the versions of the program, here and in the development VM',
    group: 'dev',
    load: async () => (await import('./dev-sysext-status.ts')).devSysextStatus,
  },
  {
    name: 'dev-restart',
    describe: 'reboot the development VM, and sync',
    group: 'dev',
    load: async () => (await import('./dev-restart.ts')).devRestart,
  },
  {
    name: 'dev-clean',
    describe: 'remove the development VM and all versions of the program',
    group: 'dev',
    load: async () => (await import('./dev-clean.ts')).devClean,
  },
  {
    name: 'dev-ephemeral',
    describe: 'start a VM that is gone when its shell or command ends',
    group: 'dev',
    takesCell: true,
    load: async () => (await import('./dev-ephemeral.ts')).devEphemeral,
  },
  {
    name: 'upgrade-vm',
    describe: 'build the image, and have the development VM upgrade itself to it and reboot',
    group: 'dev',
    takesCell: true,
    load: async () => (await import('./upgrade-vm.ts')).upgradeVm,
  },
  {
    name: 'plan',
    describe: 'show the cell, where its values come from, and the commands that would run',
    group: 'look',
    takesCell: true,
    load: async () => (await import('./plan.ts')).plan,
  },
  {
    name: 'matrix',
    describe: 'show which cells can exist, and why others cannot',
    group: 'look',
    load: async () => (await import('./matrix.ts')).matrix,
  },
  {
    name: 'ci-matrix',
    describe: 'print the jobs of the CI matrix as JSON',
    group: 'look',
    load: async () => (await import('./ci-matrix.ts')).ciMatrixVerb,
  },
  {
    name: 'profiles',
    describe: 'list the VM profiles',
    group: 'look',
    load: async () => (await import('./profiles.ts')).profiles,
  },
  {
    name: 'doctor',
    describe: 'check this machine, and say what to install',
    group: 'look',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  {
    name: 'man',
    describe: 'write the manual pages of xtask and its verbs',
    group: 'look',
    load: async () => (await import('./man.ts')).man,
  },
  {
    name: 'generate-secureboot-keys',
    describe: 'make the Secure Boot keys that sealed images are signed with',
    group: 'tidy',
    load: async () => (await import('./generate-secureboot-keys.ts')).generateSecureBootKeys,
  },
  {
    name: 'tmt-vm-cleanup',
    describe: 'remove the VMs that test runs left behind',
    group: 'tidy',
    load: async () => (await import('./tmt-vm-cleanup.ts')).tmtVmCleanup,
  },
  {
    name: 'clean',
    describe: 'remove what runs generated: logs, reports, disks',
    group: 'tidy',
    load: async () => (await import('./clean.ts')).clean,
  },
];
