import { CodedError } from '@workbench/run';
import type { GuestSession } from './guest-session.ts';
import { extensionName, releaseFileOf, releaseOf, runtimeExtensionName, type SysextVersion } from './sysext.ts';

/** Where a development VM has the folder of versions. */
export const guestFolder = '/run/virtiofs-bootc-sysext';

/** Prints the version of bootc that runs in the guest. */
const askVersion = 'bootc --version';

/** Exit code of the script in the guest where the folder of versions does not hold the one to use. */
const unseen = 66;

/**
 * What the guest does to use a version of the extension, in one go, since each round trip takes its time where guests are
 * emulated. Pure. The extension with the runtime is merged only where the system has another one, and units are read
 * again only when they are others than before.
 *
 * @param root prefix of all paths; empty but in tests.
 */
export function useVersionScript({ name }: Pick<SysextVersion, 'name'>, root = ''): string {
  return [
    `version=${root}${guestFolder}/${name}`,
    `[ -d $version ] || exit ${unseen}`,
    `extensions=${root}/run/extensions`,
    'mkdir -p $extensions',
    `ln -sfn $version/${extensionName} $extensions/${extensionName}`,
    'id=usr/lib/bootc/runtime-id',
    `runtime=$version/${runtimeExtensionName}`,
    `if [ -L $extensions/${runtimeExtensionName} ] || [ "$(cat ${root}/$id 2>/dev/null || :)" != "$(cat $runtime/$id)" ]; then`,
    `    ln -sfn $runtime $extensions/${runtimeExtensionName}`,
    'fi',
    `release=${root}/${releaseFileOf(extensionName)}`,
    'before=$(cat $release 2>/dev/null || :)',
    // Refreshing says what it merged; only what goes wrong is of interest.
    'systemd-sysext refresh >/dev/null',
    'after=$(cat $release)',
    '[ "$before" = "$after" ] || systemctl daemon-reload',
    'echo "$after"',
    askVersion,
  ].join('\n');
}

/**
 * Makes the guest use a version of the extension, and proves it: what counts is not that commands succeeded, but that
 * `bootc --version` in the guest names this build, and that the files beside it are those of this version.
 *
 * @param folder the folder of versions on this machine.
 * @throws CodedError SYNC_NOT_PROVED when another program answers; SYNC_FOLDER_UNSEEN when the guest does not see the
 * version; CommandError when the guest cannot be reached or does not take the extension.
 */
export async function useSysextVersion(
  session: Pick<GuestSession, 'script'>,
  version: SysextVersion,
  { folder, signal }: { folder: string; signal?: AbortSignal },
): Promise<void> {
  const { stdout, exitCode } = await session.script(useVersionScript(version), {
    step: `use ${version.name} in the guest`,
    timeoutMs: 60_000,
    okExitCodes: [unseen],
    ...(signal === undefined ? {} : { signal }),
  });
  if (exitCode === unseen) {
    throw new CodedError('SYNC_FOLDER_UNSEEN', `the guest does not see ${version.name}, which is in ${folder}`, {
      hint: 'the folder was removed while the VM ran; just bcvk up --replace makes the VM anew',
    });
  }
  const release = (await releaseOf(folder, version)) ?? '';
  if (buildIdIn(stdout) === version.buildId && stdout.startsWith(release)) return;
  throw new CodedError('SYNC_NOT_PROVED', `the guest does not run build ${version.buildId}: ${stdout.trim()}`, {
    hint: 'just bcvk sysext-status shows what is merged into the guest',
  });
}

/** The build that `bootc --version` names, if it names one. */
export function buildIdIn(version: string): string | undefined {
  return /\(build ([0-9a-f]+)\)/.exec(version)?.[1];
}
