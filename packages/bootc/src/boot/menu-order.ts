import type { BlsEntry } from './bls-entry.ts';
import type { Bootloader } from './names.ts';
import { compareText, compareVersions } from './version-compare.ts';

/** A boot entry and the name of its file, which takes part in the order. */
export interface NamedEntry {
  fileName: string;
  entry: BlsEntry;
}

/**
 * Entries in the order the boot loader shows them; the first is what it boots by default.
 *
 * systemd-boot (`boot_entry_compare` in src/boot/boot.c): entries with a sort key first; sort key and machine id upwards,
 * version downwards; then file name downwards. Grub and grub-cc: file name downwards.
 */
export function inMenuOrder<T extends NamedEntry>(entries: readonly T[], bootloader: Bootloader): T[] {
  return [...entries].sort(bootloader === 'systemd' ? compareForSystemdBoot : compareForGrub);
}

function compareForGrub(a: NamedEntry, b: NamedEntry): number {
  return compareText(b.fileName, a.fileName);
}

function compareForSystemdBoot(a: NamedEntry, b: NamedEntry): number {
  const keyA = a.entry.sortKey;
  const keyB = b.entry.sortKey;
  if (keyA !== undefined && keyB !== undefined) {
    const order =
      compareText(keyA, keyB) ||
      compareText(a.entry.machineId ?? '', b.entry.machineId ?? '') ||
      compareVersions(b.entry.version, a.entry.version);
    if (order !== 0) return order;
  } else if (keyA !== keyB) {
    return keyA === undefined ? 1 : -1;
  }
  return compareVersions(b.fileName.toLowerCase(), a.fileName.toLowerCase());
}
