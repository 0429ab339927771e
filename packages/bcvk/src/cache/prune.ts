/** What pruning must know of a base disk. */
export interface PrunableDisk {
  key: string;
  usedBytes: number;
  lastUsed: Date;
  /** Names of the VMs whose disks are overlays on it. */
  usedBy: readonly string[];
}

/** What happens to one disk, and why. */
export interface PruneDecision<Disk extends PrunableDisk> {
  disk: Disk;
  keep: boolean;
  reason: string;
}

/**
 * Decides which base disks stay within a budget of bytes: those that VMs use always (they count against it), then the
 * ones used last. `protectedKey` is a disk about to be used, which no VM names yet.
 */
export function planPrune<Disk extends PrunableDisk>(
  disks: readonly Disk[],
  budgetBytes: number,
  protectedKey?: string,
): PruneDecision<Disk>[] {
  const isHeld = (disk: Disk) => disk.usedBy.length > 0 || disk.key === protectedKey;
  let left = budgetBytes - disks.filter(isHeld).reduce((sum, disk) => sum + disk.usedBytes, 0);
  return [...disks]
    .sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime())
    .map((disk) => {
      if (isHeld(disk)) {
        const reason = disk.usedBy.length > 0 ? `used by ${disk.usedBy.join(', ')}` : 'about to be used';
        return { disk, keep: true, reason };
      }
      const keep = disk.usedBytes <= left;
      if (keep) left -= disk.usedBytes;
      return { disk, keep, reason: keep ? 'within the budget' : 'over the budget, and unused for longest' };
    });
}
