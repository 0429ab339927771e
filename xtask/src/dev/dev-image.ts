import { bootcImage, kindLabel } from '../image/build.ts';
import { type ImageFacts, inspectImage } from '../image/podman.ts';
import { imageKind, isBuiltHere } from '../matrix/image-arguments.ts';
import type { Settings } from '../settings/load-settings.ts';

/** Which image the development VM is made of, and why. */
export interface DevImage {
  readonly image: string;
  readonly why: string;
  /** Whether the settings name it: it is taken as it is. */
  readonly isBrought: boolean;
  /** Set when it is not there, or was made for another cell: it is to be built first. */
  readonly mustBuild: boolean;
}

/**
 * Chooses the image of the development VM: `BOOTC_BASE_IMAGE`, else `BOOTC_base`, else localhost/bootc, which is built where
 * it is not there or was built for other cells. The first two need no bootc of ours in them, since the extension brings it.
 */
export async function chooseDevImage(
  { variables, cell }: Pick<Settings, 'variables' | 'cell'>,
  inspect: (image: string) => Promise<Pick<ImageFacts, 'labels'> | undefined> = inspectImage,
): Promise<DevImage> {
  for (const name of ['BOOTC_BASE_IMAGE', 'BOOTC_base']) {
    const set = variables.get(name);
    if (set !== undefined) return { image: set.value, why: set.from, isBrought: true, mustBuild: false };
  }
  const image = bootcImage;
  const isBrought = false;
  const there = await inspect(image);
  if (there === undefined) return { image, why: 'the default, to be built', isBrought, mustBuild: true };
  // One without the label was brought along.
  const kind = there.labels[kindLabel];
  if (kind === undefined || kind === imageKind(cell) || !isBuiltHere(cell)) {
    return { image, why: 'it is there', isBrought, mustBuild: false };
  }
  return { image, why: `the one that is there was built for ${kind}`, isBrought, mustBuild: true };
}
