import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { observeMutations } from '@workbench/composefs';
import { expect, test } from 'vitest';
import { loaderPaths } from '../boot/names.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { formatHumanReadable } from '../status/human-readable.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, etcMount } from '../storage/test-system.testing.ts';
import { finalizeStaged } from './finalize.ts';
import { type FollowingSystem, followImage } from './followed-system.testing.ts';
import type { UpdateSystem } from './update-system.testing.ts';
import { releaseDownloaded, upgrade } from './upgrade.ts';

let system: UpdateSystem;
let followed: string;
let environment: FollowingSystem['environment'];
const { kernelFolders, publish, record, roles, runSwitch, runUpgrade } = followImage((made) => {
  ({ system, followed, environment } = made);
});
const runFinalize = () => system.use(finalizeStaged);

test('finalizing merges /etc and makes the staged entries the active ones; again there is nothing to do', async () => {
  publish({ ...bootableFiles('2', 'other kernel'), 'etc/from-image': 'new\n' });
  const id = (await runUpgrade())!;
  writeFileSync(join(system.root, 'etc/local'), 'mine\n');
  writeFileSync(join(system.root, 'etc/hostname'), 'renamed\n');
  chmodSync(join(system.root, 'etc/hostname'), 0o600);
  expect(await runFinalize()).toEqual({ kind: 'finalized', deploymentId: id, problems: [] });
  const { etc } = deploymentPaths(system.physicalRoot, id);
  expect(readFileSync(join(etc, 'local'), 'utf8')).toBe('mine\n');
  expect(readFileSync(join(etc, 'hostname'), 'utf8')).toBe('renamed\n');
  expect(readFileSync(join(etc, 'from-image'), 'utf8')).toBe('new\n');
  expect(existsSync(join(system.boot.bootDirectory, loaderPaths.staged))).toBe(false);
  const { rollback, isRollbackQueued } = await roles();
  expect(rollback?.id).toBe(id);
  expect(isRollbackQueued).toBe(true);
  expect(kernelFolders().sort()).toEqual([system.booted.id, id].map((name) => `bootc_composefs-${name}`).sort());
  expect(await runFinalize()).toEqual({ kind: 'nothing-staged' });
});

test.each([
  ['/etc transient', [etcMount({ filesystem: 'overlay', source: 'transient' })]],
  ['/etc a part of the root', []],
  // A sandbox of the unit makes a mount of what is read-only in it.
  ['/etc a part of a transient root in a sandbox', ['transient:composefs=ID']],
  ['/etc a part of the image in a sandbox', ['composefs:ID']],
] as const)('with %s, only what was changed before that goes over', async (_, etcMounts) => {
  const state = deploymentPaths(system.physicalRoot, system.booted.id).etc;
  writeFileSync(join(state, 'lasting'), 'mine\n');
  // Of this boot alone; the folder would be in the way of a file of the new image.
  writeFileSync(join(system.root, 'etc/passing'), 'secret\n');
  mkdirSync(join(system.root, 'etc/from-image'));
  writeFileSync(join(system.root, 'etc/from-image/passing'), '');
  publish({ ...bootableFiles('2'), 'etc/from-image': 'new\n' });
  const mounts = etcMounts.map((mount) =>
    typeof mount === 'string'
      ? etcMount({ filesystem: 'overlay', source: mount.replace('ID', system.booted.id) })
      : mount,
  );
  const id = (await system.use((storage) => upgrade({ ...storage, mounts }, { isDownloadOnly: false }, environment)))!;
  const outcome = await system.use((storage) => finalizeStaged({ ...storage, mounts }));
  expect(outcome).toEqual({ kind: 'finalized', deploymentId: id, problems: [] });
  const { etc } = deploymentPaths(system.physicalRoot, id);
  expect(readdirSync(etc).sort()).toEqual(['from-image', 'hostname', 'lasting']);
  expect(readFileSync(join(etc, 'from-image'), 'utf8')).toBe('new\n');
});

test('what is only downloaded is not finalized until it is released', async () => {
  await expect(system.use((storage) => releaseDownloaded(storage, environment))).rejects.toThrow(
    'No staged deployment found',
  );
  publish(bootableFiles('2'));
  const id = await runUpgrade({ isDownloadOnly: true });
  expect(readFileSync(record(), 'utf8')).toBe(`{"depl_id":"${id}","finalization_locked":true}`);
  expect(await runFinalize()).toEqual({ kind: 'locked' });
  expect(await system.use((storage) => releaseDownloaded(storage, environment))).toBe(id);
  expect(await system.use((storage) => releaseDownloaded(storage, environment))).toBeUndefined();
  // Switching to it says that it is wanted, and so does an upgrade.
  for (const want of [() => runSwitch(followed), runUpgrade]) {
    expect(await runUpgrade({ isDownloadOnly: true })).toBe(id);
    expect(await runFinalize()).toEqual({ kind: 'locked' });
    expect(await want()).toBe(id);
    expect(readFileSync(record(), 'utf8')).toContain('"finalization_locked":false');
  }
  expect(await runFinalize()).toMatchObject({ kind: 'finalized', deploymentId: id });
});

test('a conflict that comes up later keeps the old entries; the deployment stays staged', async () => {
  publish({ ...bootableFiles('2'), 'etc/local/file': 'in a directory' });
  const id = await runUpgrade();
  writeFileSync(join(system.root, 'etc/local'), 'a file');
  await expect(runFinalize()).rejects.toThrow('Merge conflicts found in etc');
  expect((await roles()).staged?.id).toBe(id);
  rmSync(join(system.root, 'etc/local'));
  expect(await runFinalize()).toMatchObject({ kind: 'finalized' });
});

test('a file of /etc that vanishes meanwhile is no reason to fail', async () => {
  publish(bootableFiles('2'));
  const id = (await runUpgrade())!;
  for (const name of ['first', 'second']) writeFileSync(join(system.root, 'etc', name), 'x'.repeat(500));
  rmSync(join(system.root, 'etc/hostname'));
  writeFileSync(join(system.root, 'etc/hostname'), 'renamed');
  using _ = observeMutations(({ path }) => {
    if (!path.endsWith('/etc/first')) return;
    for (const name of ['second', 'hostname']) rmSync(join(system.root, 'etc', name), { force: true });
  });
  expect(await runFinalize()).toMatchObject({ kind: 'finalized' });
  expect(readdirSync(deploymentPaths(system.physicalRoot, id).etc)).toEqual(['first']);
});

test('no room to write down how it went is no reason to fail', async () => {
  using _ = observeMutations(({ name, path }) => {
    if (name === 'unlink' || !path.includes('bootc-finalize')) return;
    throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC', syscall: 'open', path });
  });
  publish(bootableFiles('2'));
  const id = await runUpgrade({ isDownloadOnly: true });
  expect(await system.use((storage) => releaseDownloaded(storage, environment))).toBe(id);
  expect(await runFinalize()).toEqual({ kind: 'finalized', deploymentId: id, problems: [] });
  publish(bootableFiles('3'));
  expect(await runUpgrade()).toBeDefined();
});

test('an update that is not there after a reboot is told of, with the reason', async () => {
  const lastFinalize = () =>
    system.use(async (storage) => {
      const model = await buildRootModel(storage);
      const system = { mounts: [], isReadOnly: false, isSelinuxEnabled: false };
      const document = buildHostDocument(model, system);
      return [document.status.lastFinalize, formatHumanReadable(document, { isVerbose: false })] as const;
    });
  const bootAgain = (bootId: string): void => {
    mkdirSync(join(system.root, 'proc/sys/kernel/random'), { recursive: true });
    writeFileSync(join(system.root, 'proc/sys/kernel/random/boot_id'), `${bootId}\n`);
    rmSync(join(system.root, 'run'), { recursive: true, force: true });
    mkdirSync(join(system.root, 'run'));
  };
  bootAgain('first');
  publish({ ...bootableFiles('2'), 'etc/local/file': 'in a directory' });
  const id = await runUpgrade();
  expect((await lastFinalize())[0]).toBeUndefined();
  // The power is lost before the system goes down in order.
  bootAgain('second');
  expect((await lastFinalize())[0]).toMatchObject({ deployment: id, image: followed, result: 'notRun' });

  await runUpgrade();
  expect((await lastFinalize())[0]).toBeUndefined();
  writeFileSync(join(system.root, 'etc/local'), 'a file');
  await expect(runFinalize()).rejects.toThrow('Merge conflicts found in etc');
  bootAgain('third');
  const [document, text] = await lastFinalize();
  expect(document).toMatchObject({ deployment: id, result: 'failed' });
  expect(document?.message).toContain('Merge conflicts found in etc: /etc/local is a directory');
  expect(text).toContain(`${followed}, staged before, is not what is booted: Merge conflicts found in etc`);

  rmSync(join(system.root, 'etc/local'));
  await runUpgrade();
  expect(await runFinalize()).toMatchObject({ kind: 'finalized' });
  bootAgain('fourth');
  expect((await lastFinalize())[0]).toBeUndefined();

  // What was only downloaded is meant to vanish.
  publish(bootableFiles('3'));
  await runUpgrade({ isDownloadOnly: true });
  bootAgain('fifth');
  expect((await lastFinalize())[0]).toBeUndefined();
});
