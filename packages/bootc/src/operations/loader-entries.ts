import { join } from 'node:path';
import { replaceFile } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { composefsKey, parseKernelArguments, splitKernelArgument } from '../boot/kernel-arguments.ts';
import { loaderPaths } from '../boot/names.ts';
import { withOptionsOfSource } from '../boot/owned-options.ts';
import { openBootedStorage } from '../storage/booted-storage.ts';
import { lockOperations } from '../storage/operation-lock.ts';
import { refreshMenus } from '../storage/publish-entries.ts';
import { buildRootModel, type RootModelSource } from '../storage/root-model.ts';

/**
 * Sets the kernel arguments that belong to one owner, for the next boot: in the entry of the booted deployment, and in that of the
 * staged one if there is one. A deployment that is staged later gets them from there.
 *
 * After it resolves, each entry is on disk, and the menu where the boot loader reads one; if it throws or power is lost, each is the
 * old one or the new one, and doing it again completes it.
 *
 * @param options undefined: the owner has none any more.
 * @returns whether anything changed.
 * @throws CodedError `SOURCE_NAME_INVALID`, `OPTIONS_REFUSED`, `ENTRY_SEALED` for a unified kernel image, `BOOTED_ENTRY_MISSING`.
 */
export async function setOptionsForSource(
  source: RootModelSource,
  owner: string,
  options: string | undefined,
): Promise<boolean> {
  assertRequest(owner, options);
  const { entries, host, staged } = await buildRootModel(source);
  const concerned = entries.filter(({ set, deploymentId }) =>
    set === 'active' ? deploymentId === host.deploymentId : deploymentId === staged?.deploymentId,
  );
  if (!concerned.some(({ set }) => set === 'active')) {
    throw new CodedError('BOOTED_ENTRY_MISSING', `no boot entry boots the booted deployment ${host.deploymentId}`, {
      hint: 'reboot first: what boots then has one',
    });
  }
  const sealed = concerned.find(({ entry }) => entry.target.kind !== 'linux');
  if (sealed !== undefined) {
    throw new CodedError(
      'ENTRY_SEALED',
      `${sealed.fileName} boots a unified kernel image, whose arguments are signed with it`,
      {
        hint: 'put the arguments into the image: usr/lib/bootc/kargs.d, or an addon',
      },
    );
  }
  let isChanged = false;
  // The staged one first: it is not in force yet.
  for (const record of concerned.toReversed()) {
    const text = formatBlsEntry(withOptionsOfSource(record.entry, owner, options));
    if (text === formatBlsEntry(record.entry)) continue;
    const folder = record.set === 'active' ? loaderPaths.entries : loaderPaths.staged;
    await replaceFile(join(source.boot.bootDirectory, folder), record.fileName, text);
    isChanged = true;
  }
  await refreshMenus(source.boot);
  return isChanged;
}

function assertRequest(owner: string, options: string | undefined): void {
  if (!/^[A-Za-z0-9_-]+$/.test(owner)) {
    throw new CodedError('SOURCE_NAME_INVALID', `${JSON.stringify(owner)} is no name of a source`, {
      hint: 'a name has letters, digits, - and _ only, and at least one of them',
    });
  }
  const args = parseKernelArguments(options ?? '');
  const refused = args.find((arg) => splitKernelArgument(arg).key.split('.')[0] === composefsKey);
  if (refused === undefined && !(options ?? '').includes('\n')) return;
  throw new CodedError('OPTIONS_REFUSED', `kernel argument ${refused ?? 'with a newline'} cannot be set`, {
    hint: 'which deployment boots is for bootc to say',
  });
}

/** `bootc loader-entries set-options-for-source` */
export async function runSetOptionsForSource(owner: string | undefined, options: string | undefined): Promise<void> {
  using _lock = await lockOperations('/');
  await using storage = await openBootedStorage('write');
  const isChanged = await setOptionsForSource(storage, owner ?? '', options);
  process.stdout.write(
    isChanged
      ? `Kernel arguments of ${owner} are set from the next boot on.\n`
      : `Kernel arguments of ${owner} are unchanged.\n`,
  );
}
