import { CodedError } from '@workbench/run';

/** The options that go through to `bootc install to-disk`. */
export interface InstallOptions {
  filesystem: string | undefined;
  rootSize: string | undefined;
  targetTransport: string | undefined;
  kernelArguments: readonly string[];
  composefsBackend: boolean;
  bootloader: string | undefined;
  allowMissingFsverity: boolean;
}

/**
 * Refuses the options that mean nothing without the composefs backend, as the real program does.
 *
 * @throws CodedError BAD_OPTIONS, exit code 2
 */
export function checkInstallOptions(options: InstallOptions): void {
  if (options.composefsBackend) return;
  const alone = [
    ...(options.bootloader === undefined ? [] : ['--bootloader']),
    ...(options.allowMissingFsverity ? ['--allow-missing-fsverity'] : []),
  ];
  if (alone.length === 0) return;
  throw new CodedError('BAD_OPTIONS', `${alone.join(' and ')} cannot be used without --composefs-backend`, {
    hint: 'add --composefs-backend',
    exitCode: 2,
  });
}

/** The command that the guest runs: `bootc install to-disk` of the image onto a device. */
export function installCommand(reference: string, options: InstallOptions, device: string): string[] {
  const valued: [string, string | undefined][] = [
    ['--filesystem', options.filesystem],
    ['--root-size', options.rootSize],
    ['--target-transport', options.targetTransport],
    ['--bootloader', options.bootloader],
  ];
  return [
    'bootc',
    'install',
    'to-disk',
    '--generic-image',
    '--skip-fetch-check',
    '--source-imgref',
    `containers-storage:${reference}`,
    ...valued.flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...options.kernelArguments.map((argument) => `--karg=${argument}`),
    ...(options.composefsBackend ? ['--composefs-backend'] : []),
    ...(options.allowMissingFsverity ? ['--allow-missing-fsverity'] : []),
    device,
  ];
}
