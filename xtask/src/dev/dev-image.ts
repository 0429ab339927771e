import { bootcImage } from '../image/build.ts';
import { inspectImage } from '../image/podman.ts';
import type { Settings } from '../settings/load-settings.ts';

/** Which image the development VM is made of, and why. */
export interface DevImage {
  readonly image: string;
  readonly why: string;
  /** Set when there is none yet: it is to be built first. */
  readonly isMissing: boolean;
}

/**
 * Chooses the image of the development VM: `BOOTC_BASE_IMAGE`, else `BOOTC_base`, else localhost/bootc, which is built where
 * it is not there. The first two need no bootc of ours in them, since the extension brings it.
 */
export async function chooseDevImage(
  { variables }: Pick<Settings, 'variables'>,
  isThere: (image: string) => Promise<boolean> = async (image) => (await inspectImage(image)) !== undefined,
): Promise<DevImage> {
  for (const name of ['BOOTC_BASE_IMAGE', 'BOOTC_base']) {
    const set = variables.get(name);
    if (set !== undefined) return { image: set.value, why: set.from, isMissing: false };
  }
  const isMissing = !(await isThere(bootcImage));
  return { image: bootcImage, why: isMissing ? 'the default, to be built' : 'it is there', isMissing };
}
