import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { grubMenu } from '../boot/grub-menu.ts';
import { espPaths, kernelsDirectory, loaderPaths } from '../boot/names.ts';
import { deploymentPaths, isDeploymentId, physicalRoot } from '../deployment/state-paths.ts';
import type { BootLocation } from './boot-entries.ts';
import { listOptionalDirectory, readOptionalText } from './optional-file.ts';

/**
 * Whether a boot partition has names as bootc 1.13 gave them. A few folders and small files are looked at, so that asking
 * costs nothing worth mentioning, at whatever command.
 */
export async function hasLegacyBootNames(boot: BootLocation): Promise<boolean> {
  const places = [
    kernelsDirectory(boot.bootDirectory, boot.bootloader),
    join(boot.espDirectory, espPaths.unifiedKernels),
  ];
  const names = (await Promise.all(places.map(listOptionalDirectory))).flat();
  if (names.some((name) => /^[0-9a-f]{128}(\.efi(\.extra\.d)?)?$/.test(name))) return true;
  const entries = join(boot.bootDirectory, loaderPaths.entries);
  const files = (await listOptionalDirectory(entries)).filter((name) => name.endsWith('.conf'));
  const texts = await Promise.all([
    ...files.map((name) => readFile(join(entries, name), 'utf8').catch(() => '')),
    boot.bootloader === 'grub' ? readOptionalText(join(boot.bootDirectory, grubMenu.directory, grubMenu.active)) : '',
  ]);
  return texts.some((text) => /^\s*(?:linux|initrd|efi|uki|chainloader)\s.*\/[0-9a-f]{128}[/.]/m.test(text ?? ''));
}

/** Whether a physical root has records as bootc 1.13 wrote them, or lacks what later versions make at installation. */
export async function hasLegacyRecords(root: string): Promise<boolean> {
  const ids = (await listOptionalDirectory(join(root, physicalRoot.deployments))).filter(isDeploymentId);
  const origins = await Promise.all(ids.map((id) => readOptionalText(deploymentPaths(root, id).origin)));
  if (origins.some((text) => text !== undefined && !/^\s*manifest_digest\s*=/m.test(text))) return true;
  return (await lstat(join(root, physicalRoot.compatibilityLink)).catch(() => undefined)) === undefined;
}
