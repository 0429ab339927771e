/**
 * Verbs that mount what nobody else should see: the EFI system partition, `/sysroot` writable. Not those whose mounts are
 * for the whole system to see, as `usr-overlay`.
 */
export const verbsWithPrivateMounts: readonly string[] = [
  'status',
  'upgrade',
  'update',
  'switch',
  'rollback',
  'edit',
  'delete-deployment',
  'config-diff',
  'composefs-finalize-staged',
  'image',
  'loader-entries',
];

/** The verbs below `internals` that do. */
export const internalVerbsWithPrivateMounts: readonly string[] = [
  'composefs-gc',
  'fsck',
  'migrate',
  'repair',
  'cleanup',
  'prep-soft-reboot',
];

/** Whether this command line, as far as can be told without parsing it, is one of a verb that needs private mounts. */
export function needsPrivateMounts(args: readonly string[]): boolean {
  if (args.includes('--help') || args.includes('-h')) return false;
  const [verb, subverb] = args.filter((arg) => !arg.startsWith('-'));
  if (verb === 'internals') return subverb !== undefined && internalVerbsWithPrivateMounts.includes(subverb);
  return verb !== undefined && verbsWithPrivateMounts.includes(verb);
}
