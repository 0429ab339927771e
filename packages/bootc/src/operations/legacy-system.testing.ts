import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openRepository, readImageMetadata } from '@workbench/composefs';
import { addonFolderName, espPaths, kernelFolderName, kernelsDirectory, unifiedKernelName } from '../boot/names.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { type LegacyLayout, writeEntries } from '../migration/legacy-installation.testing.ts';
import { turnIntoLegacy } from '../migration/legacy-layout.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { boot, makeUpdateSystem, type UpdateSystem } from './update-system.testing.ts';

/**
 * A system with a real repository as versions after 1.13 install it in one of the layouts, and booted. Grub with a unified kernel image
 * is as other programs leave it, since this one does not install that.
 *
 * @param source reference of the image.
 */
export async function makeFreshSystem(layout: LegacyLayout, source: string): Promise<UpdateSystem> {
  const [bootloader, bootType] = layout.split('-') as ['systemd' | 'grub', 'bls' | 'uki'];
  const system = await makeUpdateSystem(source, { bootloader });
  if (bootType === 'bls') return system;
  const { id, manifestDigest } = system.booted;
  const { bootDirectory, espDirectory } = system.boot;
  rmSync(join(kernelsDirectory(bootDirectory, bootloader), kernelFolderName(id)), { recursive: true });
  rmSync(join(bootDirectory, 'loader'), { recursive: true });
  writeEntries(system, layout, {
    entries: [{ deploymentId: id, artifact: id, hasPrefix: true }],
    set: 'active',
  });
  rmSync(join(bootDirectory, 'loader/entries/windows.conf'), { force: true });
  const directory = join(espDirectory, espPaths.unifiedKernels);
  const addon = join(directory, addonFolderName(id), 'local.addon.efi');
  mkdirSync(dirname(addon), { recursive: true });
  writeFileSync(addon, 'addon');
  writeFileSync(join(directory, unifiedKernelName(id)), makeUki(`rw composefs=?${id}`));
  // Old ones lack the boot digest.
  const imageReference = `ostree-unverified-image:${source}`;
  const { origin } = deploymentPaths(system.physicalRoot, id);
  writeFileSync(origin, formatOrigin({ imageReference, bootType, manifestDigest }));
  return system;
}

/** A system as bootc 1.13 left it after installation, booted: {@link makeFreshSystem}, converted. */
export async function makeLegacySystem(layout: LegacyLayout, source: string): Promise<UpdateSystem> {
  const fresh = await makeFreshSystem(layout, source);
  const image = await (async () => {
    await using repository = await openRepository(fresh.repositoryPath);
    return await readImageMetadata(repository, fresh.booted.manifestDigest);
  })();
  const id = turnIntoLegacy({
    physicalRoot: fresh.physicalRoot,
    espDirectory: fresh.boot.espDirectory,
    manifest: image.manifest,
    config: image.config,
    formatTwoId: image.configReferences.get('composefs.image.boot')!,
  });
  return boot(fresh, { ...fresh.booted, id, artifactName: id });
}
