import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { mkfsRootCommand } from './file-systems.ts';
import { finalizeInstallation } from './finalize.ts';
import { attachLoop, mountAt } from './mounts.ts';
import type { InstallUi } from './progress.ts';
import { type FilesystemInstallOptions, installToFilesystem } from './to-filesystem.ts';

const uuid = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
const bootUuid = 'aaaabbbb-9dc0-41d1-b245-5ffdce74fad2';

let folder: string;
let source: string;
let otherSource: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'to-filesystem-'));
  source = writeImageLayout(join(folder, 'image'), bootableFiles('1'));
  otherSource = writeImageLayout(join(folder, 'image2'), bootableFiles('2'));
});
afterAll(() => rmSync(folder, { recursive: true }));

let cleanup: AsyncDisposableStack;
let root: string;
let esp: string;
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  root = join(folder, 'root');
  // There may be no VFAT here; nothing of an installation depends on it.
  esp = join(folder, 'esp');
  rmSync(esp, { recursive: true, force: true });
  mkdirSync(esp);
  await mountNew('ext4', root, uuid);
});
afterEach(async () => cleanup.disposeAsync());

async function mountNew(filesystem: 'ext4' | 'btrfs', path: string, withUuid: string): Promise<void> {
  const disk = join(folder, `${withUuid}.img`);
  rmSync(disk, { force: true });
  await run(['truncate', '-s', '400M', disk], { step: 'make a disk' });
  await run(mkfsRootCommand(filesystem, { device: disk, uuid: withUuid, overwrite: true }), {
    step: 'make a file system',
  });
  const loop = cleanup.use(await attachLoop(disk));
  cleanup.use(await mountAt(loop.device, path, { type: filesystem }));
}

interface Watched {
  warnings: string[];
  output: string[];
  /** The files on the ESP when the boot loader was put there. */
  espBefore: string[];
}

async function install(options: Partial<FilesystemInstallOptions> = {}): Promise<Watched> {
  const watched: Watched = { warnings: [], output: [], espBefore: [] };
  const ui: InstallUi = {
    print: (line) => void watched.output.push(line),
    warn: (line) => void watched.warnings.push(line),
    begin: () => undefined,
    advance: () => undefined,
    end: () => undefined,
  };
  const all: FilesystemInstallOptions = {
    root,
    sourceImgref: source,
    targetImgref: 'registry.example/os:1',
    targetTransport: 'registry',
    enforceContainerSigpolicy: false,
    runFetchCheck: false,
    disableSelinux: false,
    kargs: [],
    kargDeletes: [],
    genericImage: true,
    boundImages: 'stored',
    bootloader: 'systemd',
    composefsBackend: true,
    allowMissingVerity: true,
    ukiAddons: [],
    acknowledgeDestructive: false,
    skipFinalize: false,
    isExistingRoot: false,
    ...options,
  };
  await installToFilesystem(all, ui, undefined, {
    findEsp: async () => ({ kind: 'mounted', path: esp }),
    installBootloader: async ({ espMount }) => {
      watched.espBefore = readdirSync(espMount, { recursive: true }).map(String);
    },
  });
  return watched;
}

function optionsOfEntry(): string {
  const entries = join(esp, 'loader/entries');
  const [name, ...others] = readdirSync(entries);
  expect(others).toEqual([]);
  return /^options (.*)$/m.exec(readFileSync(join(entries, name!), 'utf8'))![1]!.replace(/[0-9a-f]{128}/, 'ID');
}

async function isWritable(): Promise<boolean> {
  const { exitCode } = await run(['touch', join(root, 'probe')], { step: 'write', okExitCodes: [0, 1] });
  return exitCode === 0;
}

test('an empty root with a separate /boot; it is at rest afterwards', async () => {
  await mountNew('ext4', join(root, 'boot'), bootUuid);
  const { output, warnings } = await install({ kargs: ['quiet'] });
  expect(warnings).toEqual([]);
  expect(output.at(-1)).toBe('Installation complete!');
  expect(optionsOfEntry()).toBe(
    `root=UUID=${uuid} rw boot=UUID=${bootUuid} quiet composefs=?ID systemd.mount-extra=UUID=${bootUuid}:/boot:auto:ro`,
  );
  expect(await isWritable()).toBe(false);
  expect(readdirSync(join(root, 'state/deploy'))).toHaveLength(1);
  await finalizeInstallation(root, () => undefined);
});

test.each([
  ['on the root', false, '/boot'],
  ['of its own', true, ''],
])('grub, with a /boot %s', async (_, isSeparate, base) => {
  if (isSeparate) await mountNew('ext4', join(root, 'boot'), bootUuid);
  await install({ bootloader: 'grub', skipFinalize: true });
  expect(readdirSync(esp)).not.toContain('loader');
  const entries = join(root, 'boot/loader/entries');
  const names = readdirSync(entries)
    .sort()
    .map((name) => name.replace(/[0-9a-f]{128}/, 'ID'));
  expect(names).toEqual(['bootc_1_test-ID-1.conf', 'bootc_menu.cfg']);
  const menu = readFileSync(join(entries, 'bootc_menu.cfg'), 'utf8').replaceAll(/[0-9a-f]{128}/g, 'ID');
  expect(menu).toContain(`    linux ${base}/bootc_composefs-ID/vmlinuz root=UUID=${uuid} rw`);
  expect(menu).toContain(`    initrd ${base}/bootc_composefs-ID/initrd\n`);
  await run(['grub-script-check', join(entries, 'bootc_menu.cfg')], { step: 'check the menu (grub-common)' });
  expect(readdirSync(join(root, 'boot')).some((name) => name.startsWith('bootc_composefs-'))).toBe(true);
});

test('grub needs its /boot mounted', async () => {
  const refused = install({ bootloader: 'grub', bootMountSpec: 'LABEL=elsewhere' });
  await expect(refused).rejects.toMatchObject({ code: 'GRUB_BOOT_NOT_MOUNTED' });
});

test('mount specifications that are given count, empty ones too', async () => {
  await install({ rootMountSpec: '', bootMountSpec: 'LABEL=b', skipFinalize: true });
  expect(optionsOfEntry()).toBe('rw boot=LABEL=b composefs=?ID systemd.mount-extra=LABEL=b:/boot:auto:ro');
  expect(await isWritable()).toBe(true);
});

test('a subvolume of btrfs', async () => {
  const path = join(folder, 'btrfs');
  const btrfsUuid = 'ccccbbbb-9dc0-41d1-b245-5ffdce74fad2';
  await mountNew('btrfs', path, btrfsUuid);
  await run(['btrfs', 'subvolume', 'create', join(path, 'sub')], { step: 'make a subvolume' });
  const { stdout } = await run(['findmnt', '-no', 'SOURCE', path], { step: 'find the device' });
  const inner = join(folder, 'subvolume');
  cleanup.use(await mountAt(stdout.trim(), inner, { type: 'btrfs', options: ['subvol=sub'] }));
  await install({ root: inner });
  expect(optionsOfEntry()).toBe(`root=UUID=${btrfsUuid} rootflags=subvol=/sub rw composefs=?ID`);
  expect(existsSync(join(inner, 'composefs/meta.json'))).toBe(true);
});

describe('a root that is not empty', () => {
  beforeEach(() => {
    mkdirSync(join(root, 'home'));
    writeFileSync(join(root, 'home/letter'), 'dear');
    mkdirSync(join(root, 'boot'));
    writeFileSync(join(root, 'boot/vmlinuz'), 'old');
    writeFileSync(join(esp, 'old.efi'), 'old');
  });

  test('is refused', async () => {
    await expect(install()).rejects.toMatchObject({
      code: 'ROOT_NOT_EMPTY',
      message: expect.stringContaining('home/letter'),
    });
    expect(existsSync(join(root, 'composefs'))).toBe(false);
  });

  test('is emptied, but not what else is mounted in it', async () => {
    mkdirSync(join(root, 'data'));
    const inner = await mountAt('tmpfs', join(root, 'data'), { type: 'tmpfs' });
    await expect(install({ replace: 'wipe' })).rejects.toMatchObject({ code: 'ROOT_HAS_MOUNTS' });
    expect(readFileSync(join(root, 'home/letter'), 'utf8')).toBe('dear');
    await inner[Symbol.asyncDispose]();
    await install({ replace: 'wipe' });
    expect(existsSync(join(root, 'home'))).toBe(false);
    expect(readdirSync(esp).sort()).toEqual(['EFI', 'loader']);
  });

  test('keeps what is there beside the new system; the old one boots until that is whole', async () => {
    const { espBefore } = await install({ replace: 'alongside' });
    expect(espBefore).toEqual([]);
    expect(readFileSync(join(root, 'home/letter'), 'utf8')).toBe('dear');
    expect(existsSync(join(root, 'boot/vmlinuz'))).toBe(false);
    expect(await isWritable()).toBe(true);
  });

  test('keeps the old boot files when the image cannot be imported', async () => {
    rmSync(join(folder, 'image3'), { recursive: true, force: true });
    const broken = writeImageLayout(join(folder, 'image3'), {
      'boot/': '',
      'sysroot/': '',
      'usr/lib/os-release': 'ID=x\n',
    });
    await expect(install({ replace: 'alongside', sourceImgref: broken })).rejects.toMatchObject({
      code: 'IMAGE_WITHOUT_KERNEL',
    });
    expect(readFileSync(join(root, 'boot/vmlinuz'), 'utf8')).toBe('old');
    expect(readFileSync(join(esp, 'old.efi'), 'utf8')).toBe('old');
  });
});

test('over an installation: the same image again, another one, and /var stays', async () => {
  await install({ skipFinalize: true });
  writeFileSync(join(root, 'state/os/default/var/letter'), 'dear');
  await install({ replace: 'alongside' });
  const [first] = readdirSync(join(root, 'state/deploy'));
  writeFileSync(join(root, 'state/deploy', first!, 'etc/changed'), '');
  await install({ replace: 'alongside' });
  expect(existsSync(join(root, 'state/deploy', first!, 'etc/changed'))).toBe(false);
  const marker = join(root, 'state/deploy', first!, 'etc/bootc-destructive-cleanup');
  expect(existsSync(marker)).toBe(false);
  await install({ replace: 'alongside', removesOldSystem: true });
  expect(existsSync(marker)).toBe(true);
  await install({ replace: 'alongside', sourceImgref: otherSource });
  expect(readdirSync(join(root, 'state/deploy'))).toHaveLength(2);
  expect(readFileSync(join(root, 'state/os/default/var/letter'), 'utf8')).toBe('dear');
  expect(optionsOfEntry()).toContain('composefs=?ID');
});

describe('refusals', () => {
  const withoutUi = () => undefined;
  test('what is no mounted root', async () => {
    await expect(install({ root: join(folder, 'nothing') })).rejects.toThrow('Not a directory');
    await expect(install({ root: folder })).rejects.toThrow('Not a mountpoint');
    await expect(finalizeInstallation(root, withoutUi)).rejects.toMatchObject({ code: 'NOT_INSTALLED' });
    const inMemory = join(folder, 'tmpfs');
    await using _ = await mountAt('tmpfs', inMemory, { type: 'tmpfs' });
    await expect(install({ root: inMemory })).rejects.toMatchObject({ code: 'ROOT_FILESYSTEM_UNSUPPORTED' });
  });

  test('there is no ESP on the disks of the root', async () => {
    const { findTargetEsp, inspectTargetRoot } = await import('./target-root.ts');
    await expect(findTargetEsp(await inspectTargetRoot(root))).rejects.toThrow(/\(ESP\)/);
  });
});
