/** How guests run: by the processor, or by QEMU's translator. */
export type Accel = 'kvm' | 'tcg';

/** How long things may take, in milliseconds, on this machine. */
export interface Deadlines {
  /** `bcvk libvirt run`: installing the image, where that is needed, and starting the VM. */
  launchMs: number;
  /** From the start of the VM to an answer over ssh. */
  bootMs: number;
  /** From a closed ssh port on a guest that is up to the verdict that sshd will not come. */
  sshdMs: number;
  /** The same when the unit of sshd is known to have failed: systemd may start it again. */
  sshdFailedMs: number;
  /** One try of ssh. */
  sshTryMs: number;
  /** All tests of one plan. */
  planMs: number;
  /** How they were stretched; 1 on a machine with KVM. */
  scale: number;
}

/** What a VM profile says of them, in seconds on a machine with KVM. */
export interface DeadlineWishes {
  boot_seconds?: number | undefined;
  plan_seconds?: number | undefined;
}

/** QEMU's translator is slower than KVM by about this factor, and bcvk stretches its own deadlines by the same. */
export const tcgScale = 6;

/** The deadlines. Where it is not known how guests run, the slow way is assumed: a deadline is only a backstop. */
export function deadlinesFor(accel: Accel | undefined, wishes: DeadlineWishes = {}): Deadlines {
  const scale = accel === 'kvm' ? 1 : tcgScale;
  return {
    launchMs: 600_000 * scale,
    bootMs: (wishes.boot_seconds ?? 180) * 1000 * scale,
    sshdMs: 30_000 * scale,
    sshdFailedMs: 5000 * scale,
    // The guest's half of a key exchange takes seconds under translation.
    sshTryMs: scale === 1 ? 5000 : 20_000,
    planMs: (wishes.plan_seconds ?? 1800) * 1000 * scale,
    scale,
  };
}
