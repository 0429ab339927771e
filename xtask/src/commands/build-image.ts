import type { BuiltImage } from '../image/build.ts';
import type { Settings } from '../settings/load-settings.ts';
import { imageOptions } from './image-options.ts';

/** What is built beside the image of the cell. */
export interface BuildWishes {
  /** Make the base again, with the packages of today. */
  freshBase?: boolean | undefined;
  /** Make Secure Boot keys first, where there are none. */
  makeKeys?: boolean | undefined;
  /** Also the images that plans upgrade to, where the cell needs them made here. */
  upgrades?: boolean | undefined;
}

/**
 * Builds the image of the cell of these settings.
 *
 * @throws CodedError CELL_NOT_BUILT_HERE, SECURE_BOOT_KEYS_MISSING; CommandError when a tool fails.
 */
export async function buildImageOf(settings: Settings, wishes: BuildWishes, signal: AbortSignal): Promise<BuiltImage> {
  const options = { ...imageOptions(settings), signal };
  const { buildImages, buildUpgradeImages, needsUpgradeImages } = await import('../image/build.ts');
  if (wishes.makeKeys) {
    const { generateSecureBootKeys } = await import('../image/secure-boot-keys.ts');
    const { workspace } = await import('../settings/workspace.ts');
    await generateSecureBootKeys(workspace.secureBootKeys, signal);
  }
  const { requireSecureBootKeys } = await import('../settings/test-request.ts');
  await requireSecureBootKeys(settings.cell);
  const image = await buildImages({ ...options, freshBase: wishes.freshBase ?? false });
  if (wishes.upgrades && needsUpgradeImages(settings.cell)) await buildUpgradeImages(options);
  return image;
}
