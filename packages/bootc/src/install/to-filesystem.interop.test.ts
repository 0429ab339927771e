import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { installBootloader } from './bootloader.ts';
import type { RootFilesystem } from './configuration-schema.ts';
import { mkfsRootCommand } from './file-systems.ts';
import { finalizeInstallation } from './finalize.ts';
import { attachLoop, mountAt } from './mounts.ts';
import type { InstallUi } from './progress.ts';
import { type FilesystemInstallOptions, type FilesystemInstallParts, installToFilesystem } from './to-filesystem.ts';

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

const diskOf = (withUuid: string) => join(folder, `${withUuid}.img`);

async function mountNew(filesystem: RootFilesystem, path: string, withUuid: string): Promise<void> {
  const disk = diskOf(withUuid);
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

async function install(
  options: Partial<FilesystemInstallOptions> = {},
  parts: Partial<FilesystemInstallParts> = {},
): Promise<Watched> {
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
    ...parts,
  });
  return watched;
}

function optionsOfEntry(): string {
  const entries = join(esp, 'loader/entries');
  const [name, ...others] = readdirSync(entries);
  expect(others).toEqual([]);
  return /^options (.*)$/m.exec(readFileSync(join(entries, name!), 'utf8'))![1]!.replace(/[0-9a-f]{128}/, 'ID');
}

async function isWritable(place = ''): Promise<boolean> {
  const { exitCode } = await run(['touch', join(root, place, 'probe')], { step: 'write', okExitCodes: [0, 1] });
  return exitCode === 0;
}

test('an empty root with a separate /boot, in which the ESP is, and a separate /var; it is at rest afterwards', async () => {
  await mountNew('ext4', join(root, 'boot'), bootUuid);
  cleanup.use(await mountAt('tmpfs', join(root, 'boot/efi'), { type: 'tmpfs' }));
  cleanup.use(await mountAt('tmpfs', join(root, 'var'), { type: 'tmpfs' }));
  const { output, warnings } = await install({ kargs: ['quiet'] });
  expect(warnings).toEqual([]);
  expect(output.at(-1)).toBe('Installation complete!');
  expect(optionsOfEntry()).toBe(
    `root=UUID=${uuid} rw boot=UUID=${bootUuid} quiet composefs=?ID systemd.mount-extra=UUID=${bootUuid}:/boot:auto:ro`,
  );
  expect(await isWritable()).toBe(false);
  expect(readdirSync(join(root, 'state/deploy'))).toHaveLength(1);
  for (const mounted of ['boot/efi', 'var']) expect(readdirSync(join(root, mounted))).toEqual([]);
  await finalizeInstallation(root, () => undefined);
});

/** As grub-mkimage lays it out: a type, a size, and the prefix. */
const grubProgram = Buffer.from('MZ\x03\0\0\0\x18\0\0\0/EFI/debian\0\0\0\0\0\0', 'latin1');
const grubPath = 'usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed';

/** What grub itself does on a disk: from its script on the ESP to the files that its menu names. */
async function followGrub(withUuid: string): Promise<{ source: string; kernels: string[] }> {
  const disk = diskOf(withUuid);
  const grub = async (...args: string[]) =>
    (await run(['grub-fstest', disk, ...args], { step: 'read as grub does' })).stdout;
  const start = join(esp, 'EFI/debian/grub.cfg');
  const { stdout: seen } = await run(['grub-probe', '--target=fs_uuid', '--device', disk], { step: 'ask grub' });
  const [, searched, source] = /^search .*--fs-uuid (\S+)\n(?:.*\n)*source (\S+)$/m.exec(readFileSync(start, 'utf8'))!;
  expect(searched).toBe(seen.trim());
  const menu = join(folder, 'menu.cfg');
  writeFileSync(menu, await grub('cat', `(loop0)${source}`));
  for (const script of [start, menu])
    await run(['grub-script-check', script], { step: 'check a script (grub-common)' });
  const text = readFileSync(menu, 'utf8');
  const kernels = [...text.matchAll(/^ {4}(?:linux|initrd) (\S+)/gm)].map(([, path]) => path!);
  const contents = await Promise.all(kernels.map((path) => grub('cat', `(loop0)${path}`)));
  expect(contents).toEqual(['kernel', 'initrd']);
  expect(readdirSync(join(esp, 'EFI')).sort()).toEqual(['BOOT', 'debian']);
  return { source: source!, kernels: kernels.map((path) => path.replace(/[0-9a-f]{128}/, 'ID')) };
}

describe.runIf(process.arch === 'x64')('grub finds its menu and its kernels', () => {
  const withGrub = () =>
    writeImageLayout(join(folder, 'image-with-grub'), { ...bootableFiles('1'), [grubPath]: grubProgram });
  const grubInstall = (options: Partial<FilesystemInstallOptions> = {}) => {
    rmSync(join(folder, 'image-with-grub'), { recursive: true, force: true });
    return install({ bootloader: 'grub', sourceImgref: withGrub(), ...options }, { installBootloader });
  };

  test.each([
    ['on the root', undefined, '/boot'],
    ['of its own, ext4', 'ext4', ''],
    ['of its own, xfs', 'xfs', ''],
    ['of its own, btrfs', 'btrfs', ''],
  ] as const)('with a /boot %s', async (_, filesystem, base) => {
    if (filesystem !== undefined) await mountNew(filesystem, join(root, 'boot'), bootUuid);
    await grubInstall();
    expect(await isWritable()).toBe(false);
    const entries = join(root, 'boot/loader/entries');
    const names = readdirSync(entries).map((name) => name.replace(/[0-9a-f]{128}/, 'ID'));
    expect(names.sort()).toEqual(['bootc_1_test-ID-1.conf', 'bootc_menu.cfg']);
    const menu = readFileSync(join(entries, 'bootc_menu.cfg'), 'utf8');
    const ofBoot = filesystem === undefined ? '' : ` boot=UUID=${bootUuid}`;
    expect(menu).toContain(`/vmlinuz root=UUID=${uuid} rw${ofBoot} `);
    expect(menu.includes(`systemd.mount-extra=UUID=${bootUuid}:/boot:auto:ro`)).toBe(filesystem !== undefined);
    // At rest: grub does not replay a journal.
    if (filesystem !== undefined) expect(await isWritable('boot')).toBe(false);
    expect(await followGrub(filesystem === undefined ? uuid : bootUuid)).toEqual({
      source: `${base}/loader/entries/bootc_menu.cfg`,
      kernels: ['vmlinuz', 'initrd'].map((file) => `${base}/bootc_composefs-ID/${file}`),
    });
  });

  test('over a system of bootc whose /boot is mounted in it, read-only', async () => {
    await mountNew('ext4', join(root, 'boot'), bootUuid);
    await grubInstall({ skipFinalize: true });
    const running = join(folder, 'running');
    cleanup.use(await mountAt('tmpfs', running, { type: 'tmpfs' }));
    cleanup.use(await mountAt(root, join(running, 'sysroot'), { options: ['bind'] }));
    cleanup.use(await mountAt(join(root, 'boot'), join(running, 'boot'), { options: ['bind'] }));
    await run(['mount', '-o', 'remount,ro', join(running, 'boot')], { step: 'as it is in a running system' });
    const [first] = readdirSync(join(root, 'state/deploy'));
    const second = { ...bootableFiles('2'), [grubPath]: grubProgram };
    await install(
      {
        root: running,
        bootloader: 'grub',
        replace: 'alongside',
        sourceImgref: writeImageLayout(join(folder, 'image3'), second),
      },
      { installBootloader },
    );
    const kernels = readdirSync(join(root, 'boot')).filter((name) => name.startsWith('bootc_composefs-'));
    expect(kernels).toHaveLength(1);
    expect(kernels[0]).not.toContain(first);
    await run(['sync'], { step: 'sync' });
    expect((await followGrub(bootUuid)).source).toBe('/loader/entries/bootc_menu.cfg');
  });

  test('what it cannot find is refused before anything is changed', async () => {
    mkdirSync(join(root, 'boot'));
    mkdirSync(join(root, 'elsewhere'));
    cleanup.use(await mountAt(join(root, 'elsewhere'), join(root, 'boot'), { options: ['bind'] }));
    await expect(grubInstall()).rejects.toMatchObject({ code: 'GRUB_BOOT_NOT_AT_TOP' });
    expect(existsSync(join(root, 'composefs'))).toBe(false);
  });
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
