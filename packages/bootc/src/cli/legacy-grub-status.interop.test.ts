import { existsSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { stagedRecord } from '../deployment/state-paths.ts';
import { makeLegacySystem } from '../operations/legacy-system.testing.ts';
import type { UpdateSystem } from '../operations/update-system.testing.ts';
import type { HostDocument } from '../status/host-document.ts';
import { bootableFiles, deploy, writeEntrySet, writeImageLayout } from '../storage/test-system.testing.ts';
import { type BootedTestHost, bundleProgram, startBootedHost } from './booted-host.testing.ts';

// A command that only reads gives the boot files of bootc 1.13 their prefix, also where grub has them on a file system that is mounted
// read-only, and nobody else finds that writable. The tests of each host go on from each other.

if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const folder = dirSync({ unsafeCleanup: true, tmpdir: process.env.TMPDIR ?? tmpdir() });
const program = dirSync({ unsafeCleanup: true, tmpdir: '/var/tmp' });

interface LegacyHost {
  system: UpdateSystem;
  host: BootedTestHost;
}

const hosts: LegacyHost[] = [];
/** One with `/boot` in the root file system, one with a file system for it. */
let plain: LegacyHost;
let separate: LegacyHost;

beforeAll(async () => {
  await bundleProgram(program.name);
  plain = await startLegacyHost('1');
  separate = await startLegacyHost('2');
  await separate.host.run(`set -e
    mount -t tmpfs boot /boot
    cp -a /sysroot/boot/. /boot
    rm -r /sysroot/boot/*
    sed -i 's, /boot/, /,' /boot/loader/entries/bootc_*.conf
    mount -o remount,ro /boot`);
  for (const { host } of hosts) await host.run('mount -o remount,bind,ro /sysroot');
});
afterAll(() => {
  for (const { host, system } of hosts) {
    host[Symbol.dispose]();
    rmSync(system.directory, { recursive: true });
  }
  for (const made of [folder, program]) made.removeCallback();
});

async function startLegacyHost(version: string): Promise<LegacyHost> {
  const image = writeImageLayout(join(folder.name, `image-${version}`), bootableFiles(version));
  const system = await makeLegacySystem('grub-bls', image);
  const host = await startBootedHost(system, program.name);
  hosts.push({ system, host });
  // Grub does not tell its name.
  await host.run('rm /sys/firmware/efi/efivars/LoaderInfo-*');
  return { system, host };
}

async function status({ host }: LegacyHost): Promise<HostDocument['status']> {
  const document: HostDocument = JSON.parse(await host.bootc(['status', '--json']));
  return document.status;
}

/** Everything that is on the disk, with what tells that it was written anew; folders of an overlay have no lasting inode number. */
async function snapshot({ host }: LegacyHost): Promise<string> {
  const command = String.raw`find /sysroot /boot /efi -type d -printf '%p %m %T@\n' -o -printf '%p %i %m %T@ %s %l\n' | sort`;
  return (await host.run(command)).stdout;
}

/** The kernel folders in a folder, and the lines of the menu that name a kernel or initrd. */
async function bootFiles({ host }: LegacyHost, boot: string): Promise<string[]> {
  const { stdout } = await host.run(
    `cd ${boot}; ls | grep -E '[0-9a-f]{128}'; grep -hE '^ *(linux|initrd) ' loader/entries/bootc_*`,
  );
  return stdout.trim().split('\n').sort();
}

const namesOf = (boot: string, name: string) => [`initrd ${boot}${name}/initrd`, `linux ${boot}${name}/vmlinuz`];

async function expectReadOnly({ host }: LegacyHost, mountPoint: string): Promise<void> {
  expect((await host.run(`findmnt -no VFS-OPTIONS ${mountPoint}`)).stdout).toMatch(/^ro\b/);
  expect((await host.run(`touch ${mountPoint}/written`)).stderr).toContain('Read-only file system');
}

/** Does something while `/sysroot` is on a file system that nobody can make writable. */
async function withoutWriting({ host }: LegacyHost, action: () => Promise<void>): Promise<void> {
  const changeDevice = (command: string) => `set -e
    before=$(mountpoint -d /sysroot)
    ${command}
    sed -i "s/\\"$before\\"/\\"$(mountpoint -d /sysroot)\\"/" /usr/bin/lsblk`;
  await host.run(
    changeDevice('mkdir -p /run/nothing; mount -t overlay nothing -o ro,lowerdir=/sysroot:/run/nothing /sysroot'),
  );
  expect((await host.run('! mount -o remount,rw /sysroot')).exitCode).toBe(0);
  try {
    await action();
  } finally {
    await host.run(changeDevice('umount /sysroot'));
  }
}

async function expectNothingDone(legacy: LegacyHost): Promise<HostDocument['status']> {
  const before = await snapshot(legacy);
  const found = await status(legacy);
  expect(found.booted?.composefs.verity).toBe(legacy.system.booted.id);
  expect(await snapshot(legacy)).toBe(before);
  return found;
}

test('a file system that cannot be made writable keeps the old names', async () => {
  await withoutWriting(plain, async () => void (await expectNothingDone(plain)));
});

test('nothing is renamed while an update is staged', async () => {
  const { system, host } = plain;
  const image = writeImageLayout(join(folder.name, 'update'), bootableFiles('3', 'another kernel'));
  const staged = await deploy(system, image);
  writeEntrySet(system, 'entries.staged', [staged]);
  const record = join('/', stagedRecord.directory, stagedRecord.name);
  const text = formatStagedDeployment({ deploymentId: staged.id, isFinalizationLocked: false });
  await host.run(`mkdir -p /${stagedRecord.directory} && cat >${record}`, text);
  expect((await expectNothingDone(plain)).staged?.composefs.verity).toBe(staged.id);
  await host.run(`rm ${record}`);
  rmSync(join(system.boot.bootDirectory, 'loader/entries.staged'), { recursive: true });
});

test('a file system that cannot be made writable keeps them also when its repository was opened by a later version', async () => {
  await withoutWriting(plain, async () => void (await expectNothingDone(plain)));
});

test.each([
  ['in the root file system', () => plain, '/sysroot/boot', '/boot/', '/sysroot'],
  ['a file system of its own', () => separate, '/boot', '/', '/boot'],
] as const)('status gives the names their prefix, with /boot %s, once', async (_, which, boot, base, mountPoint) => {
  const legacy = which();
  const { id } = legacy.system.booted;
  const before = await bootFiles(legacy, boot);
  expect(before).toEqual(expect.arrayContaining([id, ...namesOf(base, id)]));
  await expectReadOnly(legacy, mountPoint);
  expect((await status(legacy)).booted?.composefs.verity).toBe(id);
  const after = await bootFiles(legacy, boot);
  const name = `bootc_composefs-${id}`;
  expect(after).toEqual(before.map((line) => line.replace(id, name)).sort());
  expect(after).toEqual(expect.arrayContaining([name, ...namesOf(base, name)]));
  await expectReadOnly(legacy, mountPoint);
  await expectReadOnly(legacy, '/sysroot');
  await expectNothingDone(legacy);
});
