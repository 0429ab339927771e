import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeAttribute } from '../../../composefs/src/syscalls/extended-attributes.ts';
import { windowOfFile } from '../uki/byte-window.ts';
import { readUnifiedKernel } from '../uki/unified-kernel.ts';
import { computeRootDigest } from './composefs-digest.ts';
import { computeStorageDigest } from './digest-from-storage.ts';
import { cfsctlBootId, plantUkify, podmanIn, releaseStore } from './seal.testing.ts';
import { buildUnifiedKernel } from './ukify.ts';

// Two bases that have little in common, each sealed from its build to the finished image.
const folder = dirSync({ unsafeCleanup: true, prefix: 'sealed-bases-' });
const at = (...names: string[]) => join(folder.name, ...names);
const podman = podmanIn(folder.name);
const path = process.env.PATH;
beforeAll(() => {
  plantUkify(folder.name, '');
  process.env.PATH = `${at('bin')}:${path}`;
  process.env.CONTAINERS_STORAGE_ROOT = at('storage');
});
afterAll(async () => {
  process.env.PATH = path;
  delete process.env.CONTAINERS_STORAGE_ROOT;
  await releaseStore(folder.name);
  folder.removeCallback();
});

function put(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(root, name, '..'), { recursive: true });
    writeFileSync(join(root, name), content);
  }
}

function kernelFiles(version: string): Record<string, string> {
  return {
    [`usr/lib/modules/${version}/vmlinuz`]: `kernel ${version} `.repeat(300),
    [`usr/lib/modules/${version}/initramfs.img`]: `initramfs ${version} `.repeat(300),
  };
}

/** Builds an image of a context with a Containerfile. */
async function build(name: string, context: string, containerfile: readonly string[]): Promise<void> {
  writeFileSync(join(context, 'Containerfile'), `${containerfile.join('\n')}\n`);
  await podman('build', '--isolation=chroot', '--layers', '--tag', `localhost/${name}`, context);
}

/** Everything in one layer, files alone. */
async function buildPlain(name: string): Promise<void> {
  put(at('plain/root'), {
    'usr/lib/os-release': 'ID=plain\nPRETTY_NAME=Plain\n',
    'usr/lib/large': 'large '.repeat(50_000),
    'etc/hostname': 'plain\n',
    ...kernelFiles('6.1.0-plain'),
  });
  for (const directory of ['boot', 'sysroot']) mkdirSync(at('plain/root', directory));
  await build(name, at('plain'), ['FROM scratch', 'COPY root /']);
}

/** A shell with what it runs, for the steps of a build. */
async function plantShell(root: string): Promise<void> {
  for (const program of ['/bin/dash', '/bin/rm', '/bin/ln', '/bin/chmod']) {
    const { stdout } = await run(['ldd', program], { step: `find the libraries of ${program}` });
    for (const file of [program, ...(stdout.match(/\/\S+/g) ?? [])]) {
      mkdirSync(join(root, dirname(file)), { recursive: true });
      copyFileSync(file, join(root, file));
    }
  }
  symlinkSync('dash', join(root, 'bin/sh'));
}

/** Six layers: they remove what is in /boot and elsewhere, change files, and link to what is below; with extended attributes. */
async function buildLayered(name: string): Promise<void> {
  const root = at('layered/root');
  put(root, {
    'usr/lib/os-release': 'ID=layered\nPRETTY_NAME="A layered one"\nVERSION_ID=9\n',
    'usr/lib/bootc/kargs.d/20-quiet.toml': 'kargs = ["quiet"]\n',
    'usr/lib/removed': 'removed '.repeat(100),
    'usr/lib/linked': 'linked '.repeat(1000),
    'usr/lib/changed': 'before '.repeat(100),
    'usr/bin/ping': 'ping '.repeat(200),
    'usr/share/doc/a/readme': 'a',
    'etc/small': 'x',
    'boot/vmlinuz-old': 'kernel '.repeat(100),
    'boot/loader/entries/old.conf': 'title old\n',
    'sysroot/.keep': '',
    'run/left': 'x',
    ...kernelFiles('6.1.0-old'),
  });
  await plantShell(root);
  linkSync(join(root, 'usr/lib/linked'), join(root, 'usr/lib/its-twin'));
  linkSync(join(root, 'usr/lib/removed'), join(root, 'usr/lib/what-stays'));
  // linux/capability.h, VFS_CAP_REVISION_2: cap_net_raw, effective and permitted.
  const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
  writeAttribute(join(root, 'usr/bin/ping'), 'security.capability', capability);
  writeAttribute(join(root, 'usr/lib/linked'), 'user.note', Buffer.from('kept'));
  const pack = ['tar', '--create', '--xattrs', '--xattrs-include=*', `--file=${at('layered.tar')}`] as const;
  await run([...pack, `--directory=${root}`, '.'], { step: 'pack' });
  await podman('import', at('layered.tar'), 'localhost/lowest:latest');
  put(at('layered/context'), {
    'changed/usr/lib/changed': 'after '.repeat(100),
    ...prefixed(kernelFiles('6.12.9-new')),
  });
  await build(name, at('layered/context'), [
    'FROM localhost/lowest',
    'RUN rm -r /boot/vmlinuz-old /boot/loader',
    'RUN rm -r /usr/lib/removed /usr/lib/modules/6.1.0-old /usr/share/doc/a',
    'COPY changed /',
    'COPY kernel /',
    'RUN ln /usr/lib/linked /usr/lib/its-third && chmod 4755 /usr/bin/ping && echo left >/boot/left',
  ]);
}

function prefixed(files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([name, content]) => [`kernel/${name}`, content]));
}

const ids = new Set<string>();

test.each([
  ['plain', buildPlain, '6.1.0-plain', 1, '/etc/hostname 6 100644 1 '],
  ['layered', buildLayered, '6.12.9-new', 6, 'security.capability='],
] as const)(
  'the image that is sealed of the base %s has the id that cfsctl gives it',
  async (name, make, version, layers, line) => {
    await make(name);
    const inspected = JSON.parse(await podman('image', 'inspect', `localhost/${name}`));
    expect(inspected[0].RootFS.Layers).toHaveLength(layers);
    const root = await podman('image', 'mount', `localhost/${name}`);
    const id = await computeRootDigest(root, at('dump'));
    expect(readFileSync(at('dump'), 'utf8')).toContain(line);
    expect(await computeStorageDigest(`localhost/${name}:latest`)).toBe(id);

    mkdirSync(at('sealing', name), { recursive: true });
    const uki = at('sealing', name, `${version}.efi`);
    const told: string[] = [];
    await buildUnifiedKernel({
      root,
      isMissingVerityAllowed: false,
      kargs: [],
      ukifyArguments: ['--output', uki],
      tell: (text) => void told.push(text),
    });
    expect(told.at(-1)).toMatch(/^Verified: /);
    using file = windowOfFile(uki);
    expect(readUnifiedKernel(file, uki)).toMatchObject({ composefs: { deploymentId: id }, uname: version });

    await build(`${name}-sealed`, at('sealing', name), [
      `FROM localhost/${name}`,
      `COPY ${version}.efi /boot/EFI/Linux/${version}.efi`,
    ]);
    await podman('push', `localhost/${name}-sealed`, `oci:${at(`${name}-layout`)}:latest`);
    expect(await cfsctlBootId(at(`${name}-repository`), at(`${name}-layout`))).toBe(id);
    expect(await computeStorageDigest(`localhost/${name}-sealed:latest`)).toBe(id);
    ids.add(id);
    expect(readdirSync(join(root, 'usr/lib/modules'))).toEqual([version]);
  },
);

test('the two have little in common', () => {
  expect(ids.size).toBe(2);
});
