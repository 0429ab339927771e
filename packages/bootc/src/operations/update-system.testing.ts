import { cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { observeMutations, openRepository } from '@workbench/composefs';
import { bootDigestOfFolder } from '../boot/boot-digest.ts';
import { readEtcMode } from '../boot/etc-mode.ts';
import { initrdFile, kernelFile, kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { cachedUpdatePath } from '../deployment/cached-update.ts';
import { parseTransportReference } from '../deployment/image-reference.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { readImageEtc } from '../etc-merge/read-etc.ts';
import { writeTree } from '../etc-merge/write-etc.ts';
import type { BootLocation } from '../storage/boot-entries.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import {
  deploy,
  makeTestSystem,
  openTestStorage,
  type TestDeployment,
  type TestSystem,
  writeEntrySet,
  writeImageLayout,
} from '../storage/test-system.testing.ts';
import type { UpdateEnvironment } from './update-environment.ts';

/** A test system that has booted a deployment, with the `/etc` of its image. */
export interface UpdateSystem extends TestSystem {
  booted: TestDeployment;
  /** Opens the storage, uses it, and closes it. */
  use<T>(action: (storage: BootedStorage) => Promise<T>): Promise<T>;
}

/** Installs and boots an image, given by its reference. Kernel and initrd are as `bootableFiles` has them by default. */
export async function makeUpdateSystem(
  source: string,
  boot: Partial<Pick<BootLocation, 'bootloader' | 'bootIsMount'>> = {},
): Promise<UpdateSystem> {
  const { bootloader, bootIsMount } = boot;
  const system = await makeTestSystem(bootloader === undefined ? {} : { bootloader });
  if (bootIsMount !== undefined) system.boot.bootIsMount = bootIsMount;
  const booted = await deploy(system, source);
  const folder = join(
    kernelsDirectory(system.boot.bootDirectory, system.boot.bootloader),
    kernelFolderName(booted.artifactName),
  );
  writeFileSync(join(folder, kernelFile), 'kernel');
  writeFileSync(join(folder, initrdFile), 'initrd');
  const { origin, etc } = deploymentPaths(system.physicalRoot, booted.id);
  writeFileSync(
    origin,
    formatOrigin({
      imageReference: `ostree-unverified-image:${source}`,
      bootType: 'bls',
      bootDigest: await bootDigestOfFolder(folder),
      manifestDigest: booted.manifestDigest,
    }),
  );
  writeEntrySet(system, 'entries', [booted]);
  for (const name of ['proc', 'run', 'usr/lib']) mkdirSync(join(system.root, name), { recursive: true });
  await using repository = await openRepository(system.repositoryPath);
  const image = readImageEtc(repository, booted.id);
  if ((await readEtcMode(repository, booted.id)) !== 'overlay') await writeTree(repository, image, etc);
  await writeTree(repository, image, join(system.root, 'etc'));
  return useable({ ...system, booted });
}

/** Puts another image where a system looks for newer ones. */
export function publishImage(followed: string, files: Record<string, string>): void {
  const directory = followed.slice('oci:'.length);
  rmSync(directory, { recursive: true });
  writeImageLayout(directory, files);
}

/** What is on the ESP of a system to boot from. */
export function kernelFoldersOf(system: UpdateSystem): string[] {
  return readdirSync(join(system.boot.espDirectory, 'EFI/Linux'));
}

/**
 * Everything that is on the disk of a system and in its memory, by path: which file it is, and its content. Only what the last look for
 * an update found is left out, which any look may change.
 */
export function snapshotOf(system: TestSystem): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(system.directory, { recursive: true }).map(String).sort()) {
    const path = join(system.directory, name);
    if (path.startsWith(join(system.root, cachedUpdatePath.directory))) continue;
    const { ino, mode, mtimeMs } = lstatSync(path);
    const isFile = lstatSync(path).isFile();
    found.set(name, isFile ? `${ino} ${mode} ${mtimeMs} ${readFileSync(path, 'latin1')}` : `${ino} ${mode}`);
  }
  return found;
}

/** Makes the system run another of its deployments, with the `/etc` of that. */
export function boot(system: UpdateSystem, deployment: TestDeployment): UpdateSystem {
  const etc = join(system.root, 'etc');
  rmSync(etc, { recursive: true });
  cpSync(deploymentPaths(system.physicalRoot, deployment.id).etc, etc, { recursive: true, preserveTimestamps: true });
  rmSync(join(system.root, 'run'), { recursive: true });
  mkdirSync(join(system.root, 'run'));
  return useable({ ...system, booted: deployment });
}

function useable(system: Omit<UpdateSystem, 'use'>): UpdateSystem {
  return {
    ...system,
    use: async (action) => {
      await using storage = await openTestStorage(system, system.booted.id);
      return await action(storage);
    },
  };
}

/** An environment that keeps what it is told. */
export function recordingEnvironment(): UpdateEnvironment & { lines: string[]; warnings: string[]; starts: number } {
  const environment = {
    lines: [] as string[],
    warnings: [] as string[],
    starts: 0,
    print: (line: string) => void environment.lines.push(line),
    warn: (line: string) => void environment.warnings.push(line),
    startFinalizer: async () => void environment.starts++,
  };
  return environment;
}

/** What a system follows that was installed from a reference as these tests use them. */
export function targetOf(source: string) {
  return { ...parseTransportReference(source), signature: 'unverified' as const };
}

/** Runs an action and tells how many mutations of each kind it made. */
export async function countMutations(action: () => Promise<unknown>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  using _ = observeMutations(({ name }) => void counts.set(name, (counts.get(name) ?? 0) + 1));
  await action();
  return counts;
}
