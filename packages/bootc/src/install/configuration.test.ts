import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { formatInstallConfiguration, loadInstallConfiguration, mergeInstallConfiguration } from './configuration.ts';

test('nothing set: null throughout, and the direct layout', () => {
  const { configuration } = mergeInstallConfiguration([], 'x86_64');
  expect(formatInstallConfiguration(configuration, { withKernelArguments: false })).toBe(
    '{"block":["direct"],"boot-mount-spec":null,"bootloader":null,"bootupd":null,"discoverable-partitions":null,' +
      '"enforce-container-sigpolicy":null,"filesystem":null,"match-architectures":null,"ostree":null,"root-fs-type":null,' +
      '"root-mount-spec":null,"stateroot":null}',
  );
});

test('files merge in the order of their names; kernel arguments add up', () => {
  const { configuration, warnings } = mergeInstallConfiguration(
    [
      {
        name: '50-b.toml',
        text: '[install]\nroot-fs-type = "ext4"\nkargs = ["b"]\nbootloader = "systemd"\n[install.bootupd]\nskip-boot-uuid = true\n',
      },
      {
        name: '10-a.toml',
        text: '[install]\nkargs = ["a"]\nbootloader = "grub"\n[install.filesystem.root]\ntype = "xfs"\n',
      },
      { name: '90-arm.toml', text: '[install]\nmatch-architectures = ["aarch64"]\nkargs = ["arm"]\n' },
      {
        name: '60-c.toml',
        text: '[instal]\na = 1\n[install]\nmood = "good"\n[install.filesystem.home]\ntype = "ext4"\n',
      },
    ],
    'x86_64',
  );
  expect(configuration).toEqual({
    rootFilesystem: 'ext4',
    block: ['direct'],
    kernelArguments: ['a', 'b'],
    kernelArgumentDeletes: [],
    skipBootUuid: true,
    bootloader: 'systemd',
  });
  expect(warnings).toEqual([
    '60-c.toml: unknown key instal',
    '60-c.toml: unknown key install.filesystem.home',
    '60-c.toml: unknown key install.mood',
  ]);
  const printed = JSON.parse(formatInstallConfiguration(configuration, { withKernelArguments: true }));
  expect(printed).toMatchObject({ filesystem: { root: { type: 'ext4' } }, kargs: ['a', 'b'], 'karg-deletes': [] });
});

test('of both names of the root file system in one file the newer one wins', () => {
  const text = '[install]\nroot-fs-type = "ext4"\nfilesystem = { root = { type = "btrfs" } }\n';
  expect(mergeInstallConfiguration([{ name: 'a.toml', text }], 'x86_64').configuration.rootFilesystem).toBe('btrfs');
});

test.each([
  ['[install]\nblock = ["raid"]', 'install.block.0'],
  ['[install]\nroot-fs-type = "ntfs"', 'install.root-fs-type'],
  ['[install', 'TOML'],
])('%j is refused, and the file named', (text, what) => {
  const merge = (): unknown => mergeInstallConfiguration([{ name: '10-bad.toml', text }], 'x86_64');
  expect(merge).toThrow('10-bad.toml');
  expect(merge).toThrow(what);
});

test('a file masks its namesake in an earlier folder', async () => {
  const root = mkdtempSync(join(tmpdir(), 'install-config-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const put = (path: string, text: string): void => {
    mkdirSync(join(root, path, '..'), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  put('usr/lib/bootc/install/10-a.toml', '[install]\nkargs = ["masked"]');
  put('usr/lib/bootc/install/20-b.toml', '[install]\nkargs = ["b"]');
  put('etc/bootc/install/10-a.toml', '[install]\nkargs = ["a"]');
  put('run/bootc/install/notes.txt', 'no configuration');
  const { configuration } = await loadInstallConfiguration(root, 'x86_64');
  expect(configuration.kernelArguments).toEqual(['a', 'b']);
});
