/** Whose fault a failure is: a test's own, the guest's (so the product's), or that of all around it. */
export type FailureClass = 'test' | 'product' | 'infrastructure';

/** A line on the console after which the guest does not come back, or is not to be trusted any more. */
export interface FatalPattern {
  readonly code: string;
  readonly pattern: RegExp;
  /** The second half of "the guest …". */
  readonly what: string;
  readonly hint: string;
  readonly class: FailureClass;
}

/** Also looked for in the journal, since systemd tells it before it writes to the console. */
export const orderingCycle: FatalPattern = {
  code: 'GUEST_ORDERING_CYCLE',
  pattern: /Found ordering cycle|deleted to break ordering cycle/,
  what: 'has an ordering cycle between its units',
  hint: 'systemd drops one job of the cycle at random; systemd-analyze verify shows the chain',
  class: 'product',
};

/**
 * Fatal lines, most telling first: of one console chunk the first pattern that matches names the failure. Lines are
 * matched without terminal control sequences. The wordings are those of EDK2, GRUB, systemd-boot, Linux, systemd and dracut.
 */
export const fatalConsolePatterns: readonly FatalPattern[] = [
  {
    code: 'GUEST_PANIC',
    pattern: /Kernel panic - not syncing/,
    what: 'kernel panicked',
    hint: 'the lines before the panic name the cause; a missing root or init is a fault of initramfs or boot entry',
    class: 'product',
  },
  {
    code: 'GUEST_KERNEL_BUG',
    pattern: /BUG: (?:kernel NULL pointer dereference|unable to handle)|Oops: [0-9a-f]{4} \[#|general protection fault/,
    what: 'kernel hit a bug',
    hint: 'the trace is in the console log',
    class: 'product',
  },
  {
    code: 'GUEST_DISK_ERROR',
    pattern: /(?:I\/O error, dev vd[a-z]|Buffer I\/O error on dev vd[a-z])/,
    what: 'could not read or write its disk',
    hint: 'is the disk of this machine full, or was the VM disk removed? see: df -h',
    class: 'infrastructure',
  },
  {
    code: 'GUEST_FILESYSTEM_ERROR',
    pattern:
      /(?:EXT4-fs error \(device|XFS \([^)]*\): (?:Corruption|Internal error)|BTRFS (?:error|critical) \(device)/,
    what: 'found its file system damaged',
    hint: 'run fsck on the disk, and see what wrote to it last',
    class: 'product',
  },
  {
    code: 'GUEST_OUT_OF_MEMORY',
    pattern: /Out of memory: Killed process/,
    what: 'ran out of memory',
    hint: 'give the VM more memory, or find what grew: the console log has the table of processes',
    class: 'product',
  },
  {
    code: 'GUEST_ROOT_NOT_MOUNTED',
    pattern:
      /(?:Failed to mount|Dependency failed for) .*(?:sysroot\.mount|\/sysroot|Root Partition|[Rr]oot [Ff]ile [Ss]ystem)|VFS: Unable to mount root fs|composefs: .*(?:failed|cannot)/,
    what: 'could not mount its root',
    hint: 'compare composefs= and root= of the kernel command line with what is on the disk',
    class: 'product',
  },
  {
    code: 'GUEST_DRACUT_EMERGENCY',
    pattern: /dracut-emergency|Entering emergency mode\. Exit the shell to continue|rdsosreport\.txt/,
    what: "fell to dracut's emergency shell",
    hint: 'the initramfs did not find or mount the root; the failed unit is in the lines above',
    class: 'product',
  },
  {
    code: 'GUEST_EMERGENCY_SHELL',
    pattern:
      /You are in (?:emergency|rescue) mode|Reached target .*(?:[Ee]mergency|[Rr]escue) (?:Mode|Shell)|Started .*Emergency Shell|Press Enter for (?:emergency|maintenance)/,
    what: 'fell to an emergency shell',
    hint: 'the failed unit is in the lines above',
    class: 'product',
  },
  orderingCycle,
  {
    code: 'GUEST_INIT_FROZE',
    pattern: /systemd\[1\]: Freezing execution|Freezing execution\.$/,
    what: 'init froze',
    hint: 'systemd met an error it cannot go on from; it is in the line above',
    class: 'product',
  },
  {
    code: 'GUEST_SECURE_BOOT_REFUSED',
    pattern:
      /(?:Security Violation|Secure Boot.*[Aa]ccess [Dd]enied|Image Authentication (?:failed|Failure)|bad shim signature)/,
    what: 'firmware refused to start an unsigned or wrongly signed program',
    hint: 'are the keys in the firmware those that signed the boot loader and the UKI?',
    class: 'product',
  },
  {
    code: 'GUEST_NO_BOOT_ENTRY',
    pattern:
      /error: .*no such (?:device|partition)|grub rescue>|No loader found|Failed to execute .*\(.*\): (?:Not Found|Load Error)/,
    what: 'boot loader found nothing to start',
    hint: 'look at the boot entries on the disk: bootctl list, or /boot/loader/entries',
    class: 'product',
  },
  {
    code: 'GUEST_NO_BOOT_DEVICE',
    pattern: /UEFI Interactive Shell|^Shell> |No bootable (?:option or )?device|BdsDxe: No bootable option/,
    what: 'firmware found nothing to boot',
    hint: 'the ESP holds no boot loader at EFI/BOOT or in the boot variables: did the install finish?',
    class: 'product',
  },
];

/** How far a guest came, in order. */
export const bootPhases = ['firmware', 'boot loader', 'kernel', 'initramfs', 'system', 'login prompt'] as const;
export type BootPhase = (typeof bootPhases)[number];

const phasePatterns: readonly (readonly [BootPhase, RegExp])[] = [
  ['login prompt', /\blogin: ?$|Reached target .*[Mm]ulti-[Uu]ser/],
  ['system', /Switching root|Reached target initrd-switch-root|Starting initrd-switch-root|Welcome to /],
  ['initramfs', /Running in init(?:rd|ramfs)|Booting initrd of|Reached target initrd|Run \/init as init process/],
  ['kernel', /Linux version \d|Command line: /],
  ['boot loader', /systemd-boot|GNU GRUB|Booting `|EFI stub: /],
  ['firmware', /BdsDxe|UEFI firmware|SeaBIOS/],
];

/** The boot phase that a console line shows, if it shows one. */
export function bootPhaseOf(line: string): BootPhase | undefined {
  return phasePatterns.find(([, pattern]) => pattern.test(line))?.[0];
}

/** The fatal pattern that a console line matches, if any. */
export function fatalPatternOf(line: string): FatalPattern | undefined {
  return fatalConsolePatterns.find(({ pattern }) => pattern.test(line));
}

/** A console line as text: without ECMA-48 control sequences and other control characters. */
export function plainConsoleLine(line: string): string {
  return line
    .replaceAll(
      /\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1f\x7f]/g,
      '',
    )
    .trimEnd();
}
