import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { checkRepository, listTags, readImageTree, walkTree } from '@workbench/composefs';
import { kernelsDirectory } from '../boot/names.ts';
import { deploymentTagPrefix } from '../deployment/deployment-tag.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { buildRootModel, type RootModel } from '../storage/root-model.ts';
import type { Machine } from './machine.testing.ts';

/** What must exist for a deployment to boot, by its id: files and folders. */
export type LiveFiles = ReadonlyMap<string, readonly string[]>;

/** Objects of an image: they follow from its id, so they are looked up once. */
type ObjectCache = Map<string, readonly string[]>;

/** Looks at a machine after each step. What it finds wrong it throws, as an error that says what. */
export interface Watch {
  /** Status works, the booted deployment and the default are whole, and so is everything else that an entry boots. */
  check(): Promise<LiveFiles>;
  /** The repository has everything that its tags and images name, and nothing in it is damaged. */
  checkRepository(): Promise<void>;
}

/** Watches a machine. */
export function watchMachine(machine: Machine): Watch {
  const objects: ObjectCache = new Map();
  return {
    check: () => machine.look((storage) => check(storage, machine, objects)),
    checkRepository: () =>
      machine.look(async (storage) => {
        const { errors } = await checkRepository(await storage.openRepository());
        assert(errors.length === 0, `the repository is damaged: ${errors.join('; ')}`);
      }),
  };
}

async function check(storage: BootedStorage, machine: Machine, objects: ObjectCache): Promise<LiveFiles> {
  const model = await buildRootModel(storage);
  const { status } = buildHostDocument(model, { mounts: [], isReadOnly: false, isSelinuxEnabled: false });
  assert(status.booted?.composefs.verity === machine.bootedId, 'status tells of another booted deployment');
  const active = model.entries.filter((entry) => entry.set === 'active');
  const [first] = active;
  assert(first !== undefined, 'there is no boot entry');
  assert(
    active.some((entry) => entry.deploymentId === machine.bootedId),
    'no entry boots the booted deployment',
  );
  const ids = new Set(active.map((entry) => entry.deploymentId));
  if (status.staged !== null) ids.add(status.staged.composefs.verity);
  const live = new Map<string, readonly string[]>();
  for (const id of ids) live.set(id, await filesOf(storage, model, { id, objects }));
  for (const [id, files] of live) {
    const missing = files.filter((path) => !existsSync(path));
    // An entry whose deployment is gone is what an interrupted deletion leaves; it must not be the default.
    const mayBeBroken = id !== machine.bootedId && id !== first.deploymentId && isLeftOver(storage, id);
    assert(missing.length === 0 || mayBeBroken, `deployment ${id.slice(0, 8)} lacks ${missing.join(', ')}`);
  }
  await checkForeignTags(storage, objects);
  return live;
}

function isLeftOver(storage: BootedStorage, id: string): boolean {
  return !existsSync(deploymentPaths(storage.physicalRoot, id).directory);
}

async function filesOf(
  storage: BootedStorage,
  model: RootModel,
  { id, objects }: { id: string; objects: ObjectCache },
): Promise<string[]> {
  const deployment = model.deployments.get(id)!;
  const paths = deploymentPaths(storage.physicalRoot, id);
  const kernels = kernelsDirectory(storage.boot.bootDirectory, storage.boot.bootloader);
  const boot = deployment.entries.flatMap(({ entry }) =>
    entry.target.kind === 'linux'
      ? [entry.target.linux, ...entry.target.initrds].map((path) => join(kernels, '../..', path))
      : [],
  );
  return [...boot, paths.etc, paths.origin, ...(await objectsOf(storage, id, objects))];
}

async function objectsOf(storage: BootedStorage, imageId: string, cache: ObjectCache): Promise<readonly string[]> {
  const known = cache.get(imageId);
  if (known !== undefined) return known;
  const repository = await storage.openRepository();
  const objectPath = (digest: string) => join(repository.path, 'objects', digest.slice(0, 2), digest.slice(2));
  const digests = new Set([imageId]);
  walkTree(readImageTree(repository, imageId), (_path, node) => {
    if (node.type === 'file' && node.content.kind === 'external') digests.add(node.content.digest);
  });
  const paths = [join(repository.path, 'images', imageId), ...[...digests].map(objectPath)];
  cache.set(imageId, paths);
  return paths;
}

/** Images that others have tagged keep all their data. */
async function checkForeignTags(storage: BootedStorage, objects: ObjectCache): Promise<void> {
  const tags = await listTags(await storage.openRepository());
  for (const [name, manifestDigest] of tags) {
    if (name.startsWith(deploymentTagPrefix)) continue;
    const { configReferences } = await readMetadata(storage, manifestDigest);
    for (const [reference, imageId] of configReferences) {
      if (!reference.startsWith('composefs.image')) continue;
      const missing = (await objectsOf(storage, imageId, objects)).filter((path) => !existsSync(path));
      assert(missing.length === 0, `the image of tag ${name} lacks ${missing.join(', ')}`);
    }
  }
}

async function readMetadata(storage: BootedStorage, manifestDigest: string) {
  const { readImageMetadata } = await import('@workbench/composefs');
  return readImageMetadata(await storage.openRepository(), manifestDigest);
}

/** An invariant that does not hold. */
export class Violation extends Error {}

function assert(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Violation(what);
}
