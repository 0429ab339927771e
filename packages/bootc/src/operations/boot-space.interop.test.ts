import { createHash } from 'node:crypto';
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { listTags } from '@workbench/composefs';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { collectSystemGarbage } from '../gc/collect.ts';
import { mountAt } from '../install/mounts.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { formatBytes, freeBytes } from './free-space.ts';
import { switchTo } from './switch.ts';
import {
  boot,
  countMutations,
  makeUpdateSystem,
  recordingEnvironment,
  targetOf,
  type UpdateSystem,
} from './update-system.testing.ts';

// An ESP of the size that many disks have, as a real file system that really fills up. In memory, where that is big enough: what is
// synced here has no other use than to be counted.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const espBytes = 256 << 20;
const [kernelBytes, initrdBytes] = [12 << 20, 78 << 20];

let cleanup: AsyncDisposableStack;
let folder: string;
let system: UpdateSystem;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  const temporary = dirSync({ unsafeCleanup: true, tmpdir: process.env.TMPDIR ?? tmpdir() });
  cleanup.defer(() => temporary.removeCallback());
  folder = temporary.name;
  system = await makeUpdateSystem(writeImageLayout(join(folder, 'installed'), bootableFiles('0')));
  cleanup.defer(() => rmSync(system.directory, { recursive: true }));
  const { espDirectory } = system.boot;
  cpSync(espDirectory, join(folder, 'esp'), { recursive: true });
  const size = `size=${espBytes}`;
  cleanup.use(await mountAt('tmpfs', espDirectory, { type: 'tmpfs', options: [size, 'mode=0755'] }));
  cpSync(join(folder, 'esp'), espDirectory, { recursive: true });
});
afterEach(() => cleanup.disposeAsync());

const big = (bytes: number, name: string): Buffer => Buffer.alloc(bytes, name);

function kernelFiles(version: string): Record<string, string | Uint8Array> {
  return {
    ...bootableFiles(version),
    'usr/lib/modules/6.12/vmlinuz': big(kernelBytes, `kernel ${version}`),
    'usr/lib/modules/6.12/initramfs.img': big(initrdBytes, `initrd ${version}`),
  };
}

/** An image with a unified kernel image of that size, and nothing else that boots. */
async function sealedFiles(version: string, initrd = initrdBytes): Promise<Record<string, string | Uint8Array>> {
  const rest = Object.entries(bootableFiles(version)).filter(([path]) => !path.includes('modules'));
  const scratch = await makeTestSystem();
  const { id } = await deploy(scratch, writeImageLayout(join(folder, `unsealed-${version}`), Object.fromEntries(rest)));
  rmSync(scratch.directory, { recursive: true });
  const parts = { kernel: `kernel ${version}`.padEnd(kernelBytes, 'k'), initrd: `initrd ${version}`.padEnd(initrd) };
  const uki = makeUki(`rw composefs=?${id}`, parts);
  return { ...Object.fromEntries(rest), 'boot/EFI/Linux/6.12.efi': uki };
}

const stage = (source: string) => system.use((storage) => switchTo(storage, targetOf(source), recordingEnvironment()));
const model = () => system.use(buildRootModel);

/** Leaves less room on the ESP than a kernel takes. */
async function fill(path: string): Promise<void> {
  await run(['fallocate', '--length', `${espBytes - kernelBytes - initrdBytes}`, path], { step: 'fill the ESP' });
}

/** Stages an image given by its files, makes it the default and boots it. */
async function update(version: string, files: Record<string, string | Uint8Array>): Promise<void> {
  const layout = join(folder, version);
  const id = (await stage(writeImageLayout(layout, files)))!;
  rmSync(layout, { recursive: true });
  expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id });
  system = boot(system, { id, manifestDigest: '', artifactName: id });
  mkdirSync(join(system.root, 'proc'), { recursive: true });
  writeFileSync(join(system.root, 'proc/cmdline'), `rw composefs=?${id}\n`);
}

/** Everything that a refusal must leave as it is: the whole ESP by content, the state, the repository by name, its tags. */
async function snapshot(): Promise<unknown> {
  const names = (path: string) => readdirSync(path, { recursive: true }).map(String).sort();
  // Folders of objects may be left empty.
  const objects = /^objects\/..$/;
  const esp = names(system.boot.espDirectory).map((name) => {
    const path = join(system.boot.espDirectory, name);
    const { ino } = lstatSync(path);
    return lstatSync(path).isFile()
      ? [name, ino, createHash('sha256').update(readFileSync(path)).digest('hex')]
      : [name, ino];
  });
  return {
    esp,
    state: names(join(system.physicalRoot, 'state')),
    repository: names(system.repositoryPath).filter((name) => !objects.test(name)),
    run: names(join(system.root, 'run')),
    tags: await system.use(async (storage) => [...(await listTags(await storage.openRepository()))]),
  };
}

/** Tries to stage what does not fit, and expects that this is all that happens. */
async function expectRefusal(source: string, neededBytes: number): Promise<Map<string, number>> {
  await system.use((storage) => collectSystemGarbage(storage, { isDryRun: false, onlyBootFiles: false }));
  const before = await snapshot();
  const free = await freeBytes(system.boot.espDirectory);
  const mutations = await countMutations(async () => {
    const error = (await stage(source).catch((thrown: unknown) => thrown)) as Error & { code: string; hint: string };
    expect(error.code).toBe('INSUFFICIENT_SPACE');
    const required = Number(/required: (\d+)/.exec(error.message)?.[1]);
    expect(required).toBeGreaterThanOrEqual(neededBytes);
    expect(required).toBeLessThan(neededBytes + (2 << 20));
    expect(error.message).toContain(
      `needs ${formatBytes(required)} on the boot partition, have ${formatBytes(free)} (available: ${free} `,
    );
    expect(error.hint).toContain(`free at least ${formatBytes(required - free)}`);
  });
  expect(await snapshot()).toEqual(before);
  const { status } = await system.use(async (storage) =>
    buildHostDocument(await buildRootModel(storage), { mounts: [], isReadOnly: false, isSelinuxEnabled: false }),
  );
  expect(status.booted?.composefs.verity).toBe(system.booted.id);
  expect(status.staged).toBeNull();
  return mutations;
}

describe('with two deployments in an ESP of 256 MB, a third one is refused', () => {
  test('that brings a kernel of its own', async () => {
    await update('1', kernelFiles('1'));
    await update('2', kernelFiles('2'));
    const third = writeImageLayout(join(folder, '3'), kernelFiles('3'));
    await expectRefusal(third, kernelBytes + initrdBytes);
    // Refused for its kernel alone: with one that is there already it fits, as does a smaller one.
    const shared = { ...kernelFiles('2'), 'usr/share/version': 'three' };
    expect(await stage(writeImageLayout(join(folder, 'shared'), shared))).toBeDefined();
    const small = writeImageLayout(join(folder, 'small'), bootableFiles('4', 'a small kernel'));
    const id = await stage(small);
    expect((await model()).staged?.deploymentId).toBe(id);
    // It is still staged after a refusal.
    await expect(stage(third)).rejects.toMatchObject({ code: 'INSUFFICIENT_SPACE' });
    expect((await model()).staged?.deploymentId).toBe(id);
    expect(await system.use(finalizeStaged)).toMatchObject({ kind: 'finalized', deploymentId: id });
  });

  test('that brings a unified kernel image', async () => {
    await update('1', await sealedFiles('1'));
    await update('2', await sealedFiles('2'));
    await expectRefusal(writeImageLayout(join(folder, '3'), await sealedFiles('3')), kernelBytes + initrdBytes);
    const id = await stage(writeImageLayout(join(folder, 'small'), await sealedFiles('4', 1000)));
    expect((await model()).staged?.deploymentId).toBe(id);
  });
});

test('what a stopped update left on the ESP does not keep the next one from it', async () => {
  const unfinished = join(system.boot.espDirectory, 'EFI/Linux', `bootc_composefs-${'a'.repeat(128)}.new`);
  mkdirSync(unfinished);
  await fill(join(unfinished, 'initrd'));
  const id = await stage(writeImageLayout(join(folder, '1'), kernelFiles('1')));
  expect((await model()).staged?.deploymentId).toBe(id);
  expect(existsSync(unfinished)).toBe(false);
});

test('an image in container storage is refused before anything at all is written', async () => {
  await fill(join(system.boot.espDirectory, 'of-the-firmware'));
  writeImageLayout(join(folder, '3'), kernelFiles('3'));
  const storage = join(folder, 'storage');
  cleanup.defer(async () => {
    await run(['umount', '--lazy', join(storage, 'overlay')], { step: 'release the store', okExitCodes: [0, 1, 32] });
  });
  const store = ['--root', storage, '--runroot', join(folder, 'runroot'), '--storage-driver', 'overlay'];
  // Podman takes no path with capital letters.
  const { stdout } = await run(['podman', ...store, 'pull', '--quiet', 'oci:3'], {
    step: 'podman pull (apt-get install podman)',
    cwd: folder,
  });
  await run(['podman', ...store, 'tag', stdout.trim(), 'localhost/third:latest'], { step: 'podman tag' });
  vi.stubEnv('CONTAINERS_STORAGE_ROOT', storage);
  try {
    const mutations = await expectRefusal('containers-storage:localhost/third:latest', kernelBytes + initrdBytes);
    expect([...mutations]).toEqual([]);
  } finally {
    vi.stubEnv('CONTAINERS_STORAGE_ROOT', undefined);
  }
});
