import { join } from 'node:path';

/**
 * Names on the physical root file system, relative to it (it is mounted at `/sysroot` in a running system). They are
 * shared with the initramfs and with other versions of bootc, so they never change.
 */
export const physicalRoot = {
  repository: 'composefs',
  /** containers-storage of bootc, inside the repository's folder. */
  containersStorage: 'composefs/bootc/storage',
  /** Symbolic link to `../composefs/bootc`, which `/usr/lib/bootc/storage` of an image goes through. */
  compatibilityLink: 'ostree/bootc',
  compatibilityLinkTarget: '../composefs/bootc',
  deployments: 'state/deploy',
  /** The one `/var` that all deployments share. */
  sharedVar: 'state/os/default/var',
} as const;

/** Where the `var` link of a deployment's folder points. */
export const deploymentVarLinkTarget = '../../os/default/var';

/** Whether a name is a deployment id: 128 lower-case hex digits, a SHA-512 fs-verity digest. */
export function isDeploymentId(name: string): boolean {
  return /^[0-9a-f]{128}$/.test(name);
}

/** The paths of one deployment's state, under a physical root such as `/sysroot`. */
export interface DeploymentPaths {
  deploymentId: string;
  directory: string;
  etc: string;
  varLink: string;
  origin: string;
  originName: string;
  /** Image manifest and configuration that bootc 1.13 stored beside the origin; never written any more. */
  legacyImageInfo: string;
}

/** Where the state of a deployment is, under the physical root. */
export function deploymentPaths(root: string, deploymentId: string): DeploymentPaths {
  const directory = join(root, physicalRoot.deployments, deploymentId);
  const originName = `${deploymentId}.origin`;
  return {
    deploymentId,
    directory,
    etc: join(directory, 'etc'),
    varLink: join(directory, 'var'),
    origin: join(directory, originName),
    originName,
    legacyImageInfo: join(directory, `${deploymentId}.imginfo`),
  };
}

/** In `/etc`, marks for systemd-update-done(8) that it has been updated; without it, what has to happen after an update does. */
export const updatedMark = '.updated';

/**
 * Folders in the `etc` of a deployment whose `/etc` is an overlay on that of the image: what was changed locally, and what the kernel
 * needs meanwhile. Nothing else of that `etc` is seen in such a system.
 */
export const etcOverlay = { upper: 'upper', work: 'work' } as const;

/** The folder of a deployment that is, or is the upper layer of, its `/etc`: what is put there before it boots is in its `/etc`. */
export function localEtc(paths: DeploymentPaths, isOverlay: boolean): string {
  return isOverlay ? join(paths.etc, etcOverlay.upper) : paths.etc;
}

/** In `/etc` of the first deployment: the files of the system that was there before are to be removed when it is booted. */
export const oldSystemMarker = 'bootc-destructive-cleanup';

/** Folder and name of the record of a staged deployment, relative to `/`. On tmpfs: a reboot discards it. */
export const stagedRecord = { directory: 'run/composefs', name: 'staged-deployment' } as const;
