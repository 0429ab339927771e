import type { Accel } from '../vm/deadlines.ts';

/** What decides how many plans run at the same time. */
export interface SlotInput {
  /** Memory that this machine can give away, in MiB: MemAvailable of proc_meminfo(5). */
  availableMiB: number;
  processors: number;
  /** Of one VM. */
  memoryMiB: number;
  vcpus: number;
  /** What was asked for; undefined: as many as this machine carries. */
  wanted: number | undefined;
}

/** What a VM takes beside the memory of its guest: QEMU, its tables, virtiofsd. */
const overheadMiB = 512;
/** What stays free for all else on this machine. */
const reserveMiB = 2048;

/**
 * How many plans run at the same time: each VM takes its memory and its processors from what there is, and one always
 * runs. Two guests on the processors of one would make deadlines lie.
 */
export function countSlots({ availableMiB, processors, memoryMiB, vcpus, wanted }: SlotInput): number {
  const byMemory = Math.floor((availableMiB - reserveMiB) / (memoryMiB + overheadMiB));
  const byProcessors = Math.floor(processors / vcpus);
  const limit = wanted === undefined ? byProcessors : wanted;
  return Math.max(1, Math.min(byMemory, limit));
}

/** MemAvailable in the text of /proc/meminfo, in MiB. */
export function availableMemoryMiB(meminfo: string): number {
  const [, kib] = /^MemAvailable:\s+(\d+) kB$/m.exec(meminfo) ?? [];
  return Math.floor(Number(kib ?? 0) / 1024);
}

/**
 * Memory in MiB and processors of a VM, as the options of `bcvk libvirt run` give them; its own defaults where they do not. An emulated
 * guest has one processor, whatever they say.
 */
export function resourcesOf(
  bcvkOptions: readonly string[],
  accel: Accel | undefined,
): { memoryMiB: number; vcpus: number } {
  const value = (name: string): string | undefined =>
    bcvkOptions.findLast((option) => option.startsWith(`--${name}=`))?.slice(name.length + 3);
  const [, amount, unit] = /^(\d+)([MG])$/.exec(value('memory') ?? '4G') ?? [];
  return {
    memoryMiB: Number(amount ?? 4096) * (unit === 'G' ? 1024 : 1),
    vcpus: accel === 'tcg' ? 1 : Number(value('cpus') ?? 2),
  };
}
