import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { importImage, initRepository } from '@workbench/composefs';
import { run } from '@workbench/run';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vectorLayout } from '../../../composefs/src/oci/vector-image.testing.ts';
import { deploymentPaths, deploymentVarLinkTarget, physicalRoot } from '../deployment/state-paths.ts';
import { bootableFiles, deploy, writeEntrySet, writeImageLayout } from '../storage/test-system.testing.ts';
import { deleteDeployment } from './delete-deployment.ts';
import { finalizeStaged } from './finalize.ts';
import { inspectTarget } from './inspect-target.ts';
import { rollBack } from './rollback.ts';
import { cancelSoftReboot, mountNextRoot, type NextRootPlace, unmountNextRoot } from './soft-reboot.ts';
import { stageImage } from './stage.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf } from './update-system.testing.ts';

const setupScript = new URL('../../rootfs/usr/lib/dracut/modules.d/51bootc/initramfs-setup.sh', import.meta.url)
  .pathname;

let folder: string;
let id: string;
let place: NextRootPlace;
// Stands in for systemd: a process with a mount namespace of its own.
let init: ChildProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'soft-reboot-'));
  const sysroot = join(folder, 'sysroot');
  mkdirSync(sysroot);
  await using repository = await initRepository(join(sysroot, physicalRoot.repository), {
    algorithm: 'sha512',
    verity: 'if-supported',
    erofsFormats: { default: 1, extra: [] },
  });
  const image = await importImage(repository, `oci:${vectorLayout}:vector`, { bootable: true });
  id = image.bootImageIds.get(1)!;
  const paths = deploymentPaths(sysroot, id);
  mkdirSync(paths.etc, { recursive: true });
  writeFileSync(join(paths.etc, 'of-this-deployment'), '');
  mkdirSync(join(sysroot, physicalRoot.sharedVar), { recursive: true });
  writeFileSync(join(sysroot, physicalRoot.sharedVar, 'of-all-deployments'), '');
  symlinkSync(deploymentVarLinkTarget, paths.varLink);

  // As in a running system, the physical root is a mount that nobody writes to.
  const readOnly = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && echo ready && exec sleep 600';
  init = spawn('unshare', ['--mount', 'sh', '-c', readOnly, 'sh', sysroot], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(init.stdout!, 'data');
  place = { initPid: init.pid!, nextRoot: join(folder, 'nextroot'), physicalRoot: sysroot, setupScript };
});

afterAll(() => {
  init.kill();
  rmSync(folder, { recursive: true, force: true });
});

async function inInit(command: string): Promise<string> {
  const argv = ['nsenter', `--target=${place.initPid}`, '--mount', '--', 'sh', '-c', command] as const;
  return (await run(argv, { step: 'look', cwd: folder })).stdout;
}

test('the root of the deployment is mounted where systemd sees it, with /etc and /var writable', async () => {
  await mountNextRoot(`rw composefs=?${id}`, place);
  const root = place.nextRoot;
  expect(await inInit(`ls ${root}/etc ${root}/var`)).toContain('of-this-deployment');
  expect(await inInit(`touch ${root}/etc/new ${root}/var/new && ls ${root}/var`)).toContain('of-all-deployments');
  await expect(inInit(`touch ${root}/usr/new 2>&1`)).rejects.toThrow('Read-only file system');
  await expect(inInit(`touch ${root}/sysroot/new 2>&1`)).rejects.toThrow('Read-only file system');
  expect(existsSync(join(deploymentPaths(place.physicalRoot, id).etc, 'new'))).toBe(true);
  expect(await inInit(`findmnt -nro SOURCE --mountpoint ${root}`)).toBe(`composefs:${id}\n`);
});

test('its root, /etc and /var are set up as the configuration says', async () => {
  const library = join(folder, 'library');
  mkdirSync(join(library, 'composefs'), { recursive: true });
  writeFileSync(join(library, 'composefs/setup-root-conf.toml'), '[etc]\nmount = "transient"\n');
  await inInit(`mount -t overlay -o lowerdir=${library}:/usr/lib overlay /usr/lib`);
  await mountNextRoot(`composefs=?${id}`, place);
  expect(await inInit(`findmnt -nro SOURCE,FSTYPE --mountpoint ${place.nextRoot}/etc`)).toBe('transient overlay\n');
  await unmountNextRoot(place);
  await inInit('umount --lazy /usr/lib');
});

test('a second one takes the place of the first; none is left when it is taken back', async () => {
  await mountNextRoot(`composefs=?${id}`, place);
  await mountNextRoot(`composefs=?${id}`, place);
  expect((await inInit(`grep -c ${place.nextRoot} /proc/self/mountinfo`)).trim()).toBe('4');
  expect(await unmountNextRoot(place)).toBe(true);
  expect(await inInit(`grep -e ${folder}/nextroot -e /run/bootc /proc/self/mountinfo || true`)).toBe('');
  expect(await unmountNextRoot(place)).toBe(false);
});

test('a deployment that cannot be mounted leaves nothing behind', async () => {
  await expect(mountNextRoot(`composefs=?${'0'.repeat(128)}`, place)).rejects.toThrow('is not in the repository');
  await expect(mountNextRoot(`composefs=${id}`, place)).rejects.toThrow(/fs-verity|does not hold/);
  expect(await inInit(`grep -e ${folder}/nextroot -e /run/bootc /proc/self/mountinfo || true`)).toBe('');
});

test('it is taken back, or only when it is for a certain deployment', async () => {
  const isPrepared = async () => (await inInit(`findmnt -nro SOURCE --mountpoint ${place.nextRoot} || true`)) !== '';
  await mountNextRoot(`composefs=?${id}`, place);
  await cancelSoftReboot({ root: '/' }, { deploymentId: '0'.repeat(128), place });
  expect(await isPrepared()).toBe(true);
  await cancelSoftReboot({ root: '/' }, { deploymentId: id, place });
  expect(await isPrepared()).toBe(false);
  await mountNextRoot(`composefs=?${id}`, place);
  await cancelSoftReboot({ root: '/' }, { place });
  expect(await isPrepared()).toBe(false);
});

test('every verb that decides anew what boots next takes it back', async () => {
  const image = (name: string) => writeImageLayout(join(folder, name), bootableFiles(name));
  const system = await makeUpdateSystem(image('booted'));
  const rollback = await deploy(system, image('rollback'));
  writeEntrySet(system, 'entries', [system.booted, rollback]);
  mkdirSync(join(system.root, 'proc', `${place.initPid}`));
  symlinkSync(`/proc/${place.initPid}/mountinfo`, join(system.root, 'proc', `${place.initPid}`, 'mountinfo'));
  const expectTakenBack = async (verb: () => Promise<unknown>, preparedId = rollback.id) => {
    // A stand-in with the name of the root of that deployment.
    await inInit(`mkdir -p ${place.nextRoot} && mount -t tmpfs composefs:${preparedId} ${place.nextRoot}`);
    await verb();
    expect(await inInit(`findmnt -nro SOURCE --mountpoint ${place.nextRoot} || true`)).toBe('');
  };
  let staged = '';
  await expectTakenBack(() => system.use((storage) => rollBack(storage, place)));
  await expectTakenBack(() => system.use((storage) => rollBack(storage, place)));
  await expectTakenBack(() =>
    system.use(async (storage) => {
      const target = targetOf(image('next'));
      const inspection = await inspectTarget(storage, target);
      const request = { ...recordingEnvironment(), target, inspection, isLocked: false, nextRootPlace: place };
      staged = (await stageImage(storage, request)).deploymentId;
    }),
  );
  // What cannot be finalized has no local changes of /etc, so that it must not run.
  rmSync(join(system.root, 'etc/hostname'));
  mkdirSync(join(system.root, 'etc/hostname'));
  const finalize = () => system.use((storage) => finalizeStaged(storage, place));
  await expectTakenBack(() => expect(finalize()).rejects.toThrow('Merge conflicts found in etc'), staged);
  await expectTakenBack(() => system.use((storage) => deleteDeployment(storage, rollback.id, place)));
  rmSync(system.directory, { recursive: true });
});
