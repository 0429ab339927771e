import type { BlsEntry } from './bls-entry.ts';
import {
  addKernelArguments,
  formatKernelArguments,
  parseKernelArguments,
  removeKernelArguments,
} from './kernel-arguments.ts';

/** The key of an entry that tells which of its kernel arguments belong to one owner, such as TuneD. */
const keyPrefix = 'x-options-source-';

/** The kernel arguments that an entry records as belonging to an owner. */
export function optionsOfSource(entry: BlsEntry, source: string): string[] {
  const own = entry.others?.find(([key]) => key === `${keyPrefix}${source}`)?.[1];
  return parseKernelArguments(own ?? '');
}

/**
 * An entry in which one owner has other kernel arguments: those it had go, unless somebody else has put them there too, and the
 * new ones come at the end. Without new ones the owner is forgotten. All others stay as they are.
 *
 * @param options undefined: none.
 */
export function withOptionsOfSource(entry: BlsEntry, source: string, options: string | undefined): BlsEntry {
  const { target } = entry;
  if (target.kind !== 'linux') throw new Error('the entry has no options');
  const wanted = parseKernelArguments(options ?? '');
  const otherOwners = (entry.others ?? []).filter(([key]) => key !== `${keyPrefix}${source}`);
  const ownedByOthers = otherOwners
    .filter(([key]) => key.startsWith(keyPrefix))
    .flatMap(([, value]) => parseKernelArguments(value));
  const former = removeKernelArguments(optionsOfSource(entry, source), [...wanted, ...ownedByOthers]);
  const args = addKernelArguments(removeKernelArguments(parseKernelArguments(target.options ?? ''), former), wanted);
  const own = [[`${keyPrefix}${source}`, formatKernelArguments(wanted)] as const];
  return {
    ...entry,
    target: { ...target, options: formatKernelArguments(args) },
    others: wanted.length === 0 ? otherOwners : [...otherOwners, ...own],
  };
}

/** An entry that keeps the kernel arguments of another one, with the records of whom they belong to. */
export function withOwnersOf(entry: BlsEntry, former: BlsEntry): BlsEntry {
  const owners = (former.others ?? []).filter(([key]) => key.startsWith(keyPrefix));
  return owners.length === 0 ? entry : { ...entry, others: [...(entry.others ?? []), ...owners] };
}
