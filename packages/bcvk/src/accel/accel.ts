/** How guests run: by the processor's virtualisation, or by QEMU's translator (Tiny Code Generator). */
export type Accel = 'kvm' | 'tcg';

/** The acceleration that was chosen, and why. */
export interface AccelChoice {
  accel: Accel;
  /** In a few words, for people. */
  reason: string;
}

/** How much longer a guest may take than on a machine with KVM. */
const slowdown: Record<Accel, number> = { kvm: 1, tcg: 3 };

/** A deadline that was thought for KVM, on this acceleration. */
export function scaleDeadline(ms: number, accel: Accel): number {
  return ms * slowdown[accel];
}

/** The `-accel` value. All host processors translate at once; the cache of translated code is larger than the default. */
export function accelArgument(accel: Accel): string {
  return accel === 'kvm' ? 'kvm' : 'tcg,thread=multi,tb-size=512';
}

/** A processor that QEMU emulates. */
export type EmulatedCpu = 'Nehalem' | 'max';

/**
 * The processor that is emulated for an image that needs this x86-64 level. Not the newest one where a lesser one will do:
 * kernel and libraries would choose vector code that the emulation spells out instruction by instruction (an image
 * import took 69 s with it, and 52 s without).
 */
export function emulatedCpu(neededLevel: number | undefined): EmulatedCpu {
  return neededLevel !== undefined && neededLevel <= 2 ? 'Nehalem' : 'max';
}

/**
 * How many processors a VM that runs a whole system gets. Emulated ones are limited to one: a kernel patches its own code
 * while it runs, and QEMU's emulation of several processors can execute a half-patched instruction. Seen as a panic
 * (`Oops: int3` in the scheduler) in one of a dozen boots with two.
 */
export function guestProcessors(wanted: number, accel: Accel): number {
  return accel === 'tcg' ? 1 : wanted;
}
