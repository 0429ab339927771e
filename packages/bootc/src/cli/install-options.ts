import type { CommonInstallOptions } from '../install/options.ts';

/** What the command line of every way to install gives, names as yargs makes them. */
export interface CommonInstallArguments {
  sourceImgref?: string | undefined;
  targetTransport?: string | undefined;
  targetImgref?: string | undefined;
  enforceContainerSigpolicy?: boolean | undefined;
  runFetchCheck?: boolean | undefined;
  disableSelinux?: boolean | undefined;
  karg: readonly string[];
  kargDelete: readonly string[];
  rootSshAuthorizedKeys?: string | undefined;
  genericImage?: boolean | undefined;
  experimentalUnifiedStorage?: boolean | undefined;
  boundImages?: CommonInstallOptions['boundImages'] | undefined;
  bootloader?: CommonInstallOptions['bootloader'] | undefined;
  bootupdSkipBootUuid?: boolean | undefined;
  composefsBackend?: boolean | undefined;
  allowMissingVerity?: boolean | undefined;
  ukiAddon: readonly string[];
}

/** The options that all installations have. */
export function toCommonInstallOptions(args: CommonInstallArguments): CommonInstallOptions {
  return {
    ...optional('sourceImgref', args.sourceImgref),
    ...optional('targetTransport', args.targetTransport),
    ...optional('targetImgref', args.targetImgref),
    enforceContainerSigpolicy: args.enforceContainerSigpolicy === true,
    runFetchCheck: args.runFetchCheck === true,
    disableSelinux: args.disableSelinux === true,
    kargs: args.karg,
    kargDeletes: args.kargDelete,
    ...optional('rootSshAuthorizedKeys', args.rootSshAuthorizedKeys),
    genericImage: args.genericImage === true,
    ...optional('isUnified', args.experimentalUnifiedStorage),
    boundImages: args.boundImages ?? 'stored',
    ...optional('bootloader', args.bootloader),
    ...optional('skipsBootUuid', args.bootupdSkipBootUuid),
    composefsBackend: args.composefsBackend === true,
    allowMissingVerity: args.allowMissingVerity === true,
    ukiAddons: args.ukiAddon,
  };
}

/** An object with this member, or without it when it is undefined. */
export function optional<K extends string, V>(key: K, value: V | undefined): { [key in K]?: V } {
  return (value === undefined ? {} : { [key]: value }) as { [key in K]?: V };
}
