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

/**
 * The processor that is emulated. The newest one that QEMU can emulate is slower: kernel and libraries then choose vector
 * code that the emulation spells out instruction by instruction (an image import took 69 s with it, and 52 s with this).
 */
export const emulatedCpu = 'Nehalem';

/** The `-cpu` value for guests that we start ourselves. */
export function cpuArgument(accel: Accel): string {
  return accel === 'kvm' ? 'host' : emulatedCpu;
}
