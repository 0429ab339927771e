import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { windowOfFile } from '../uki/byte-window.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';
import { computeRootDigest } from './composefs-digest.ts';
import { computeStorageDigest } from './digest-from-storage.ts';
import { cfsctlBootId, plantUkify, podmanIn, releaseStore } from './seal.testing.ts';
import { buildUnifiedKernel, type UkifyOptions } from './ukify.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'seal-interop-' });
const at = (...names: string[]) => join(folder.name, ...names);
const name = 'localhost/sealed:latest';
let root = '';

const podman = podmanIn(folder.name);

beforeAll(async () => {
  const files: Record<string, string> = {
    'usr/lib/os-release': 'ID=example\nPRETTY_NAME=Example\n',
    'usr/lib/bootc/kargs.d/10-console.toml': 'kargs = ["console=ttyS0", "lockdown=integrity"]\n',
    'usr/lib/large': 'large '.repeat(100_000),
    'usr/lib/changed': 'before '.repeat(100),
    'etc/gone': 'gone '.repeat(100),
    'run/left-by-the-build': 'x',
    'boot/vmlinuz-old': 'kernel '.repeat(100),
    'sysroot/.keep': '',
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(at('root', path, '..'), { recursive: true });
    writeFileSync(at('root', path), content);
  }
  await run(['cp', '--link', at('root/usr/lib/large'), at('root/usr/again')], { step: 'make a hard link' });
  await run(['tar', '--create', `--file=${at('base.tar')}`, `--directory=${at('root')}`, '.'], { step: 'pack' });
  await podman('import', at('base.tar'), 'localhost/base:latest');
  mkdirSync(at('context'));
  writeFileSync(at('context/changed'), 'after '.repeat(100));
  writeFileSync(
    at('context/Containerfile'),
    'FROM localhost/base\nCOPY changed /usr/lib/changed\nCOPY changed /etc/gone\n',
  );
  await podman('build', '--isolation=chroot', '--layers', '--tag', name, at('context'));
  root = await podman('image', 'mount', name);
  mkdirSync(at('kernel/6.1.0-test'), { recursive: true });
  writeFileSync(at('kernel/6.1.0-test/vmlinuz'), Buffer.alloc(4999, 'k'));
  writeFileSync(at('kernel/6.1.0-test/initramfs.img'), Buffer.alloc(5001, 'i'));
});
afterAll(async () => {
  await releaseStore(folder.name);
  folder.removeCallback();
});

test('the digest of the mounted image is that of the stored one, and what cfsctl boots', async () => {
  const digest = await computeRootDigest(root, at('root.dump'));
  process.env.CONTAINERS_STORAGE_ROOT = at('storage');
  try {
    expect(await computeStorageDigest(name, at('storage.dump'))).toBe(digest);
  } finally {
    delete process.env.CONTAINERS_STORAGE_ROOT;
  }
  expect(readFileSync(at('root.dump'), 'utf8')).toBe(readFileSync(at('storage.dump'), 'utf8'));
  await podman('push', name, `oci:${at('layout')}:latest`);
  expect(await cfsctlBootId(at('repository'), at('layout'))).toBe(digest);
});

function build(options: Partial<UkifyOptions> = {}): Promise<string> {
  const told: string[] = [];
  return buildUnifiedKernel({
    root,
    kernelDirectory: at('kernel/6.1.0-test'),
    isMissingVerityAllowed: false,
    kargs: [],
    ukifyArguments: ['--output', at('out.efi')],
    tell: (text) => void told.push(text),
    ...options,
  }).then(() => told.join(''));
}

test('the command line with the kargs.d of the image is shown, built in and verified', async () => {
  const path = process.env.PATH;
  try {
    process.env.PATH = at('nowhere');
    await expect(build()).rejects.toMatchObject({ code: 'UKIFY_NOT_FOUND' });
    process.env.PATH = `${at('bin')}:${path}`;
    plantUkify(folder.name, '');
    const told = await build({ kargs: ['quiet', 'console=ttyS0'], isMissingVerityAllowed: true });
    const line = `console=ttyS0 lockdown=integrity composefs=?${await computeRootDigest(root)} quiet`;
    expect(told).toContain('lockdown=integrity    (usr/lib/bootc/kargs.d/10-console.toml)');
    expect(told).toContain('Verified: ');
    using file = windowOfFile(at('out.efi'));
    expect(readUnifiedKernel(file, 'out.efi')).toMatchObject({ commandLine: line, uname: '6.1.0-test' });

    plantUkify(folder.name, ' init=/bin/sh');
    await expect(build()).rejects.toMatchObject({ code: 'UKI_DIFFERS' });
    await expect(build({ root: '/' })).rejects.toMatchObject({ code: 'ROOT_IS_ACTIVE' });
    await expect(build({ kernelDirectory: at('kernel') })).rejects.toMatchObject({ code: 'UKIFY_NO_KERNEL' });
  } finally {
    process.env.PATH = path;
  }
});
