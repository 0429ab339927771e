import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { observeMutations } from '@workbench/composefs';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import type { EtcMode } from '../boot/etc-mode.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import type { BootedStorage } from '../storage/booted-storage.ts';
import { type Mount, readMountTable } from '../storage/mount-table.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { switchTo } from './switch.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf, type UpdateSystem } from './update-system.testing.ts';

// Systems are booted by the script of the initramfs, so that their /etc is mounted as on a real machine.
const script = fileURLToPath(
  new URL('../../rootfs/usr/lib/dracut/modules.d/51bootc/initramfs-setup.sh', import.meta.url),
);

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
let count = 0;

/** An image whose `/etc` is mounted in this way; no mode: without a configuration. */
function imageOf(mode: EtcMode | undefined, files: Record<string, string>): string {
  const configuration =
    mode === undefined ? {} : { 'usr/lib/composefs/setup-root-conf.toml': `[etc]\nmount = "${mode}"\n` };
  const folders = { 'etc/': '', 'var/': '', 'run/': '', 'proc/': '' };
  return writeImageLayout(join(folder.name, `image-${++count}`), {
    ...bootableFiles(`${count}`),
    ...folders,
    ...configuration,
    ...files,
  });
}

let system: UpdateSystem;
let booted: { id: string; mounts: readonly Mount[] };
let mountPoint: string;
beforeEach(() => {
  mountPoint = join(folder.name, `root-${++count}`);
  mkdirSync(mountPoint);
});
afterEach(async () => {
  await shutDown();
  rmSync(system.directory, { recursive: true });
});

/** Installs an image and boots it. */
async function install(source: string): Promise<void> {
  system = await makeUpdateSystem(source);
  await bootInto(system.booted.id);
}

/** Mounts the root of a deployment as its initramfs does. @returns the mounts as they look from inside. */
async function mountRoot(id: string, target: string): Promise<Mount[]> {
  mkdirSync(join(system.physicalRoot, 'state/os/default/var'), { recursive: true });
  const { varLink } = deploymentPaths(system.physicalRoot, id);
  if (!existsSync(varLink)) symlinkSync('../../os/default/var', varLink);
  const places = ['--sysroot', system.physicalRoot, '--target', target];
  const setUp = (config: string) =>
    run(['sh', script, 'setup-root', ...places, '--cmdline', `composefs=?${id}`, '--config', config], {
      step: 'set up the root',
    });
  // The initramfs has a copy of the configuration of its image, which a first look at the image finds.
  const config = join(folder.name, 'setup-root-conf.toml');
  writeFileSync(config, '[etc]\nmount = "none"\n');
  await setUp(config);
  const original = join(target, 'usr/lib/composefs/setup-root-conf.toml');
  writeFileSync(config, existsSync(original) ? readFileSync(original) : '');
  await unmount(target);
  await setUp(config);
  return (await readMountTable('/')).flatMap((mount) => {
    if (!mount.mountPoint.startsWith(target)) return [];
    return [{ ...mount, mountPoint: mount.mountPoint.slice(target.length) || '/' }];
  });
}

async function bootInto(id: string): Promise<void> {
  booted = { id, mounts: await mountRoot(id, mountPoint) };
  const seen = join(system.root, 'etc');
  await run(['mount', '--bind', join(mountPoint, 'etc'), seen], { step: 'have the program see /etc' });
}

async function unmount(target: string): Promise<void> {
  await run(['umount', '--recursive', target], { step: `unmount ${target}` });
}

async function shutDown(): Promise<void> {
  await unmount(join(system.root, 'etc'));
  await unmount(mountPoint);
  rmSync(join(system.root, 'run'), { recursive: true, force: true });
}

const use = <T>(action: (storage: BootedStorage) => Promise<T>): Promise<T> =>
  system.use(async (storage) => {
    mkdirSync(join(system.root, 'run'), { recursive: true });
    const mounts = [...booted.mounts, ...(await mountsInEtc())];
    return action({ ...storage, host: { ...storage.host, deploymentId: booted.id }, mounts });
  });

/** What is mounted below `/etc` since it was booted. */
async function mountsInEtc(): Promise<Mount[]> {
  const below = (await readMountTable('/')).filter((mount) => mount.mountPoint.startsWith(etc('')));
  return below.map((mount) => ({ ...mount, mountPoint: mount.mountPoint.slice(system.root.length) }));
}

const stage = async (source: string): Promise<string> =>
  (await use((storage) => switchTo(storage, targetOf(source), recordingEnvironment())))!;

/** Updates the booted system to an image and boots that. */
async function update(source: string): Promise<void> {
  const id = await stage(source);
  expect(await use(finalizeStaged)).toEqual({ kind: 'finalized', deploymentId: id, problems: [] });
  await shutDown();
  await bootInto(id);
}

const etc = (path: string) => join(system.root, 'etc', path);
const read = (path: string) => readFileSync(etc(path), 'utf8');

const shipped = {
  'etc/changed': 'of the image\n',
  'etc/removed': 'of the image\n',
  'etc/folder/removed': 'of the image\n',
  'etc/folder/kept': 'of the image\n',
  'etc/removed-folder/file': 'of the image\n',
  'etc/mode': 'of the image\n',
};

function changeLocally(): void {
  writeFileSync(etc('changed'), 'mine\n');
  writeFileSync(etc('folder/added'), 'mine\n');
  mkdirSync(etc('own/deep'), { recursive: true });
  writeFileSync(etc('own/deep/file'), 'mine\n');
  symlinkSync('own/deep', etc('link'));
  chmodSync(etc('mode'), 0o640);
  for (const path of ['removed', 'folder/removed', 'removed-folder']) rmSync(etc(path), { recursive: true });
}

/** What `/etc` holds after that: of a new image `version`, where it was not changed. */
function expectLocalChanges(version: string): void {
  expect(readdirSync(etc('.')).sort()).toEqual(['changed', 'folder', 'hostname', 'link', 'mode', 'new', 'own'].sort());
  expect(readdirSync(etc('folder')).sort()).toEqual(['added', 'kept']);
  expect(['changed', 'folder/added', 'own/deep/file', 'link/file'].map(read)).toEqual(Array(4).fill('mine\n'));
  expect(lstatSync(etc('mode')).mode & 0o7777).toBe(0o640);
  expect(['new', 'folder/kept'].map(read)).toEqual([version, version]);
}

const next = (mode: EtcMode | undefined, version: string): string =>
  imageOf(mode, { ...shipped, 'etc/changed': version, 'etc/folder/kept': version, 'etc/new': version });

const lasting = ['bind', 'overlay'] as const;
const pairs = lasting.flatMap((from) => lasting.map((to) => [from, to] as const));

test.each(pairs)(
  'from /etc as %s to one as %s, what was changed locally is kept, and again with the next update',
  async (from, to) => {
    await install(imageOf(from, shipped));
    changeLocally();
    await update(next(to, 'second\n'));
    expectLocalChanges('second\n');
    expect(booted.mounts.find(({ mountPoint }) => mountPoint === '/etc')?.filesystem === 'overlay').toBe(
      to === 'overlay',
    );
    writeFileSync(etc('later'), 'mine\n');
    rmSync(etc('later'));
    await update(next(to, 'third\n'));
    expectLocalChanges('third\n');
  },
);

test.each(lasting.flatMap((mode) => (['transient', 'none'] as const).map((between) => [mode, between] as const)))(
  'what was changed in /etc as %s comes back after an update to one as %s and another',
  async (mode, between) => {
    await install(imageOf(mode, shipped));
    changeLocally();
    await update(next(between, 'second\n'));
    expect(read('changed')).toBe('second\n');
    if (between === 'transient') writeFileSync(etc('passing'), 'of this boot\n');
    await update(next(mode, 'third\n'));
    expectLocalChanges('third\n');
  },
);

test('a merge into an overlay that is cut short, wherever, is completed by the next one', async () => {
  await install(imageOf('overlay', shipped));
  changeLocally();
  const id = await stage(next('overlay', 'second\n'));
  const finalizeUntil = async (stop: number): Promise<boolean> => {
    let done = 0;
    using _ = observeMutations(({ path }) => {
      if (path.includes('/bootc-etc-') && ++done >= stop) throw new Error('stopped');
    });
    return await use(finalizeStaged).then(
      ({ kind }) => kind === 'finalized',
      (error: Error) => {
        expect(error.message).toBe('stopped');
        return false;
      },
    );
  };
  let stops = 0;
  while (!(await finalizeUntil(stops + 1))) stops++;
  expect(stops).toBeGreaterThan(10);
  await shutDown();
  await bootInto(id);
  expectLocalChanges('second\n');
});

test('where the next userspace has its overlay already, the changes are seen in that', async () => {
  await install(imageOf('overlay', shipped));
  changeLocally();
  const id = await stage(next('overlay', 'second\n'));
  const prepared = join(system.root, 'run/nextroot');
  mkdirSync(prepared);
  const mounts = (await mountRoot(id, prepared)).map((mount) => ({
    ...mount,
    mountPoint: mount.mountPoint === '/' ? '/run/nextroot' : `/run/nextroot${mount.mountPoint}`,
  }));
  await using _ = { [Symbol.asyncDispose]: () => unmount(prepared) };
  const messagesBefore = await kernelMessages();
  await use((storage) => finalizeStaged({ ...storage, mounts: [...storage.mounts, ...mounts] }));
  expect((await kernelMessages()).slice(messagesBefore.length)).not.toContain('is in-use');
  await run(['umount', etc('.')], { step: 'leave /etc' });
  await run(['mount', '--bind', join(prepared, 'etc'), etc('.')], { step: 'see the next /etc' });
  expectLocalChanges('second\n');
});

const kernelMessages = async () => (await run(['dmesg'], { step: 'read messages of the kernel' })).stdout;

test.each(lasting)('what is mounted in /etc as %s is not taken along, but what it hides is', async (mode) => {
  await install(imageOf(mode, shipped));
  changeLocally();
  await run(['mount', '-t', 'tmpfs', 'tmpfs', etc('folder')], { step: 'mount a folder' });
  writeFileSync(etc('folder/passing'), 'of the mount\n');
  mkdirSync(etc('mounted'));
  await run(['mount', '-t', 'tmpfs', 'tmpfs', etc('mounted')], { step: 'mount a folder of its own' });
  writeFileSync(etc('mounted/passing'), 'of the mount\n');
  await run(['mount', '--bind', etc('folder/passing'), etc('changed')], { step: 'mount a file' });
  expect(read('changed')).toBe('of the mount\n');
  await update(next(mode, 'second\n'));
  expect(readdirSync(etc('mounted'))).toEqual([]);
  rmSync(etc('mounted'), { recursive: true });
  expectLocalChanges('second\n');
});

test('folders that are called as those of the overlay are ordinary ones in it', async () => {
  await install(imageOf('overlay', { 'etc/upper/file': 'of the image\n', 'etc/work': 'of the image\n' }));
  writeFileSync(etc('upper/mine'), 'mine\n');
  await update(imageOf('overlay', { 'etc/upper/file': 'second\n', 'etc/work': 'second\n' }));
  expect(['upper/file', 'upper/mine', 'work'].map(read)).toEqual(['second\n', 'mine\n', 'second\n']);
  expect(readdirSync(etc('.')).sort()).toEqual(['hostname', 'upper', 'work']);
});
