import { configurationArchitecture } from '../boot/architecture.ts';
import { formatInstallConfiguration, loadInstallConfiguration } from '../install/configuration.ts';

/** Prints the installation configuration of the running image, and warnings about it on standard error. */
export async function printInstallConfiguration(options: { withKernelArguments: boolean }): Promise<void> {
  const { configuration, warnings } = await loadInstallConfiguration('/', configurationArchitecture());
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  process.stdout.write(formatInstallConfiguration(configuration, options));
}
