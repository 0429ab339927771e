import { CodedError } from '@workbench/run';
import type { GuestSession } from './guest-session.ts';
import { extensionName, type SysextVersion } from './sysext.ts';

/** Where a development VM has the folder of versions. */
export const guestFolder = '/run/virtiofs-bootc-sysext';

/** Prints the version of bootc that runs in the guest. */
const askVersion = 'bootc --version';

/**
 * Makes the guest use a version of the extension, and proves it: what counts is not that commands succeeded, but that
 * `bootc --version` in the guest names this build.
 *
 * @throws CodedError SYNC_NOT_PROVED when another program answers; CommandError when the guest cannot be reached or does
 * not take the extension.
 */
export async function useSysextVersion(
  session: GuestSession,
  version: SysextVersion,
  signal?: AbortSignal,
): Promise<void> {
  const tree = `${guestFolder}/${version.name}/${extensionName}`;
  const text = [
    `test -d ${tree}`,
    'mkdir -p /run/extensions',
    `ln -sfn ${tree} /run/extensions/${extensionName}`,
    // Refreshing says what it merged; only what goes wrong is of interest.
    'systemd-sysext refresh >/dev/null',
    askVersion,
  ].join('\n');
  const { stdout } = await session.script(text, {
    step: `use ${version.name} in the guest`,
    timeoutMs: 60_000,
    ...(signal === undefined ? {} : { signal }),
  });
  if (buildIdIn(stdout) === version.buildId) return;
  throw new CodedError('SYNC_NOT_PROVED', `bootc in the guest is not build ${version.buildId}: ${stdout.trim()}`, {
    hint: 'just bcvk sysext-status shows what is merged into the guest',
  });
}

/** The build that `bootc --version` names, if it names one. */
export function buildIdIn(version: string): string | undefined {
  return /\(build ([0-9a-f]+)\)/.exec(version)?.[1];
}
