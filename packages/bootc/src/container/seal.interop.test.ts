import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { windowOfFile } from '../uki/byte-window.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';
import { computeRootDigest } from './composefs-digest.ts';
import { computeStorageDigest } from './digest-from-storage.ts';
import { buildUnifiedKernel, type UkifyOptions } from './ukify.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'seal-interop-' });
const at = (...names: string[]) => join(folder.name, ...names);
const name = 'localhost/sealed:latest';
const cfsctl = resolve(import.meta.dirname, '../../../../target/tools/bin/cfsctl');
const stub = '/usr/lib/systemd/boot/efi/linuxx64.efi.stub';
let root = '';

async function podman(...args: string[]): Promise<string> {
  const store = ['--root', at('storage'), '--runroot', at('run'), '--storage-driver', 'overlay'];
  const { stdout } = await run(['podman', ...store, '--cgroup-manager=cgroupfs', '--runtime=runc', ...args], {
    step: `podman ${args[0]}`,
  });
  return stdout.trim();
}

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
  // Podman keeps the store mounted.
  await run(['umount', '--recursive', '--lazy', at('storage/overlay')], {
    step: 'release the store',
    okExitCodes: [0, 1, 32],
  });
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
  const ctl = (...args: string[]) =>
    run([cfsctl, '--insecure', '--repo', at('repository'), ...args], { step: `cfsctl ${args[0]} (cargo install it)` });
  await run([cfsctl, 'init', '--insecure', at('repository')], { step: 'cfsctl init (cargo install it)' });
  await ctl('oci', 'pull', `oci:${at('layout')}:latest`, 'x');
  expect((await ctl('oci', 'compute-id', '--bootable', 'x')).stdout.trim()).toBe(digest);
});

/** Stands in for ukify: adds what it is given to systemd's stub, and `changes` to the command line. */
function plantUkify(changes: string): void {
  mkdirSync(at('bin'), { recursive: true });
  const script = `#!/bin/sh -e
while [ $# -gt 0 ]; do
    case $1 in
        --linux) linux=$2 ;;
        --initrd) initrd=$2 ;;
        --uname) printf %s "$2" >${at('uname')} ;;
        --cmdline) printf %s "$2${changes}" >${at('cmdline')} ;;
        --os-release) cat "\${2#@}" >${at('osrel')} ;;
        --output) output=$2 ;;
    esac
    shift
done
objcopy --add-section .osrel=${at('osrel')} --change-section-vma .osrel=0x2000000 \\
    --add-section .cmdline=${at('cmdline')} --change-section-vma .cmdline=0x2100000 \\
    --add-section .uname=${at('uname')} --change-section-vma .uname=0x2200000 \\
    --add-section .initrd="$initrd" --change-section-vma .initrd=0x2300000 \\
    --add-section .linux="$linux" --change-section-vma .linux=0x2400000 ${stub} "$output"
`;
  writeFileSync(at('bin/ukify'), script);
  chmodSync(at('bin/ukify'), 0o755);
}

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
    plantUkify('');
    const told = await build({ kargs: ['quiet', 'console=ttyS0'], isMissingVerityAllowed: true });
    const line = `console=ttyS0 lockdown=integrity composefs=?${await computeRootDigest(root)} quiet`;
    expect(told).toContain('lockdown=integrity    (usr/lib/bootc/kargs.d/10-console.toml)');
    expect(told).toContain('Verified: ');
    using file = windowOfFile(at('out.efi'));
    expect(readUnifiedKernel(file, 'out.efi')).toMatchObject({ commandLine: line, uname: '6.1.0-test' });

    plantUkify(' init=/bin/sh');
    await expect(build()).rejects.toMatchObject({ code: 'UKI_DIFFERS' });
    await expect(build({ root: '/' })).rejects.toMatchObject({ code: 'ROOT_IS_ACTIVE' });
    await expect(build({ kernelDirectory: at('kernel') })).rejects.toMatchObject({ code: 'UKIFY_NO_KERNEL' });
  } finally {
    process.env.PATH = path;
  }
});
