import type { InstalledMounts } from './bootloader.ts';
import { installMounts } from './mounts.ts';
import type { CommonInstallOptions } from './options.ts';
import type { PopulateOptions } from './populate-root.ts';
import { isSelinuxEnabled, type PreparedInstallation } from './prepare.ts';
import type { InstallUi } from './progress.ts';

/** What every way to install has filled in the same way: what the image is, what was asked for, and how it is told. */
export async function populateOptions(
  options: CommonInstallOptions,
  { prepared, ui, signal }: { prepared: PreparedInstallation; ui: InstallUi; signal: AbortSignal | undefined },
): Promise<Omit<PopulateOptions, keyof InstalledMounts | 'decision' | 'rootSpec'>> {
  const { source, configuration, authorizedKeys } = prepared;
  return {
    imageMount: installMounts.image,
    source: source.reference,
    kernelArguments: {
      configuration: configuration.kernelArguments,
      commandLine: options.kargs,
      deletes: [...configuration.kernelArgumentDeletes, ...options.kargDeletes],
    },
    disableSelinux: options.disableSelinux,
    ukiAddons: options.ukiAddons,
    isUnified: options.isUnified === true,
    boundImages: options.boundImages,
    print: ui.print,
    ...(authorizedKeys === undefined ? {} : { authorizedKeys }),
    isHostSelinuxEnabled: await isSelinuxEnabled(),
    onImport: ({ bytesDone, bytesTotal }) => ui.advance(bytesDone, bytesTotal),
    onDeploy: () => ui.begin('deploy'),
    warn: ui.warn,
    ...(signal === undefined ? {} : { signal }),
  };
}
