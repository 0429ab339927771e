import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { migrateStorage } from '../migration/migrate.ts';
import { makeLegacySystem } from '../operations/legacy-system.testing.ts';
import { makeUpdateSystem } from '../operations/update-system.testing.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { bootableFiles, openTestStorage, type TestSystem, writeImageLayout } from '../storage/test-system.testing.ts';

/** How the machine was installed: by this program, or by bootc 1.13. */
export const layouts = ['current', 'legacy'] as const;
export type Layout = (typeof layouts)[number];

/** A machine of plain files that lives through random steps. */
export interface Machine extends Disposable {
  system: TestSystem;
  bootedId: string;
  /** References of the images there are; the first one is installed. */
  images: readonly string[];
  /** Those that may be pulled without making a deployment of them. */
  applicationImages: readonly string[];
  /** Opens the storage as a verb that changes the system does, uses it, and closes it. */
  change<T>(action: (storage: BootedStorage) => Promise<T>): Promise<T>;
  /** The same without bringing an older installation up to date. */
  look<T>(action: (storage: BootedStorage) => Promise<T>): Promise<T>;
  /** The power goes and comes back: what was in memory is gone, and a deployment boots. */
  restart(deploymentId: string): void;
  /** Somebody changes a file of the running system's `/etc`. */
  editEtc(name: string, content: string): void;
}

/** Three userlands on each of two kernels, in this order mixed. */
function writeImages(directory: string): string[] {
  return Array.from({ length: 6 }, (_, index) => {
    const kernel = index < 3 ? 'kernel' : 'kernel of another version';
    const files = { ...bootableFiles(`version ${index}`, kernel), [`etc/of-image-${index % 2}`]: `image ${index}` };
    return writeImageLayout(join(directory, `images/${index}`), files);
  });
}

/** Installs a machine and boots it. Disposing removes its folder. */
export async function makeMachine(layout: Layout, scratch: string): Promise<Machine> {
  const images = writeImages(scratch);
  const [image] = images as [string];
  const { booted, ...system } = await (layout === 'legacy'
    ? makeLegacySystem('systemd-bls', image)
    : makeUpdateSystem(image));
  const look = async <T>(action: (storage: BootedStorage) => Promise<T>): Promise<T> => {
    await using storage = await openTestStorage(system, machine.bootedId);
    return await action(storage);
  };
  const machine: Machine = {
    system,
    bootedId: booted.id,
    images,
    // The stream of the first one's configuration refers to images that bootc 1.13 did not make.
    applicationImages: layout === 'legacy' ? images.slice(1) : images,
    look,
    change: (action) =>
      look(async (storage) => {
        await migrateStorage(storage);
        return action(storage);
      }),
    restart: (deploymentId) => {
      machine.bootedId = deploymentId;
      for (const name of ['etc', 'run']) rmSync(join(system.root, name), { recursive: true, force: true });
      mkdirSync(join(system.root, 'run'));
      const { etc } = deploymentPaths(system.physicalRoot, deploymentId);
      cpSync(etc, join(system.root, 'etc'), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    },
    editEtc: (name, content) => {
      // The running system sees the folder of its deployment.
      for (const etc of [join(system.root, 'etc'), deploymentPaths(system.physicalRoot, machine.bootedId).etc]) {
        writeFileSync(join(etc, name), content);
      }
    },
    [Symbol.dispose]: () => rmSync(system.directory, { recursive: true, force: true }),
  };
  return machine;
}
