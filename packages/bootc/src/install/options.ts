import type { BlockSetup, InstallBootloader, RootFilesystem } from './configuration-schema.ts';

/** What every way to install may be told, as the command line gives it; what was not given is absent or empty. */
export interface CommonInstallOptions {
  /** Reference with transport; absent: the image of the container this runs in. */
  sourceImgref?: string;
  targetTransport?: string;
  targetImgref?: string;
  enforceContainerSigpolicy: boolean;
  runFetchCheck: boolean;
  disableSelinux: boolean;
  kargs: readonly string[];
  kargDeletes: readonly string[];
  /** A file. */
  rootSshAuthorizedKeys?: string;
  genericImage: boolean;
  /** Bring the image by way of container storage, which the system then keeps to. */
  isUnified?: boolean;
  boundImages: 'stored' | 'skip' | 'pull';
  bootloader?: InstallBootloader;
  /** Bootupd is not to write down the UUID of the file system with `/boot`. */
  skipsBootUuid?: boolean;
  composefsBackend: boolean;
  allowMissingVerity: boolean;
  ukiAddons: readonly string[];
}

/** What `bootc install to-disk` was asked for. */
export interface InstallOptions extends CommonInstallOptions {
  /** A block device; with `viaLoopback` a regular file. */
  device: string;
  wipe: boolean;
  viaLoopback: boolean;
  blockSetup?: BlockSetup;
  filesystem?: RootFilesystem;
  /** Absent: the rest of the disk. */
  rootSizeMiB?: number;
}
