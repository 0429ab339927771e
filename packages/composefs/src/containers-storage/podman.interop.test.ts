import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCfsctl } from '../erofs/cfsctl.testing.ts';
import { importImage } from '../oci/import-image.ts';
import { inspectSource } from '../oci/inspect-source.ts';
import { initRepository } from '../repository/init-repository.ts';
import { makeTar } from '../tar/make-tar.testing.ts';
import { storageRoots } from './storage-configuration.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'podman-interop-' });
const storage = join(folder.name, 'storage');
const name = 'localhost/scratch:latest';

async function podman(...args: string[]): Promise<string> {
  const store = ['--root', storage, '--runroot', join(folder.name, 'run'), '--storage-driver', 'overlay'];
  const result = await run(['podman', ...store, '--cgroup-manager=cgroupfs', '--runtime=runc', ...args], {
    step: `podman ${args[0]}`,
  });
  return result.stdout.trim();
}

beforeAll(async () => {
  const directories = ['usr/', 'boot/', 'sysroot/', 'run/'].map(
    (path) => ({ name: path, type: 'dir', mode: '755' }) as const,
  );
  const archive = makeTar([
    ...directories,
    { name: 'usr/large', type: 'file', content: 'large '.repeat(200_000), mtime: 1_700_000_000 },
    { name: 'usr/again', type: 'hardlink', target: 'usr/large' },
    { name: 'usr/changed', type: 'file', content: 'before '.repeat(100) },
    { name: 'usr/gone', type: 'file', content: 'gone '.repeat(100) },
    { name: 'usr/x', type: 'file', content: 'bytes '.repeat(100), pax: { path: 'usr/n\xc3\xa4me' } },
    { name: 'usr/small', type: 'file', content: 'small' },
    { name: 'usr/suid', type: 'file', mode: '4755', content: 'suid '.repeat(100), uid: 1000 },
  ]);
  writeFileSync(join(folder.name, 'base.tar'), archive);
  await podman('import', join(folder.name, 'base.tar'), 'localhost/base:latest');
  const context = join(folder.name, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'changed'), 'after '.repeat(100));
  writeFileSync(
    join(context, 'Containerfile'),
    'FROM localhost/base\nCOPY changed /usr/changed\nCOPY changed /usr/added\n',
  );
  await podman('build', '--isolation=chroot', '--layers', '--tag', name, context);
});
afterAll(async () => {
  // Podman keeps the store mounted.
  await run(['umount', '--recursive', '--lazy', join(storage, 'overlay')], {
    step: 'release the store',
    okExitCodes: [0, 1, 32],
  });
  folder.removeCallback();
});

test('an image in podman’s storage becomes what cfsctl makes of it, and of its archive', async () => {
  const repository = (path: string) =>
    initRepository(join(folder.name, path), { algorithm: 'sha512', verity: 'off', erofsFormats: { default: 1 } });
  await using direct = await repository('direct');
  const progress: number[] = [];
  const result = await importImage(direct, `containers-storage:${name}`, {
    tag: 'x',
    bootable: true,
    storageRoots: [storage],
    onProgress: ({ bytesDone, bytesTotal }) => progress.push(bytesDone / bytesTotal),
  });
  expect(progress.at(-1)).toBe(1);
  expect(Math.max(...progress)).toBeLessThanOrEqual(1.001);

  await podman('save', '--format', 'oci-dir', '--output', join(folder.name, 'layout'), name);
  await using archived = await repository('archived');
  const fromArchive = await importImage(archived, `oci:${join(folder.name, 'layout')}`, { tag: 'x', bootable: true });
  expect(fromArchive.bootImageIds).toEqual(result.bootImageIds);

  const cfsctl = findCfsctl();
  const theirs = join(folder.name, 'theirs');
  const configuration = join(folder.name, 'storage.conf');
  writeFileSync(
    configuration,
    `[storage]\ndriver="overlay"\ngraphroot="${storage}"\nrunroot="${join(folder.name, 'run')}"\n`,
  );
  const env = { CONTAINERS_STORAGE_ROOT: storage, CONTAINERS_STORAGE_CONF: configuration };
  await run([cfsctl, 'init', '--insecure', theirs], { step: 'init' });
  const pulled = await run(
    [cfsctl, '--repo', theirs, 'oci', 'pull', '--local-fetch', 'auto', `containers-storage:${name}`, 'x', '--bootable'],
    { step: 'pull', env },
  );
  expect(pulled.stdout).toContain(`manifest ${result.manifestDigest}\nconfig   ${result.configDigest}\n`);
  expect(pulled.stdout).toContain(`Boot image: ${result.bootImageIds.get(1)}`);
  const checked = await run([cfsctl, '--repo', direct.path, 'oci', 'fsck'], { step: 'fsck' });
  expect(checked.stdout).toMatch(/status: ok\noci images: 1\/1 ok/);
});

test('additional image stores are read where podman reads them: of the configuration, or of STORAGE_OPTS instead', async () => {
  const configuration = join(folder.name, 'additional.conf');
  const own = join(folder.name, 'own');
  writeFileSync(
    configuration,
    `[storage]\ndriver="overlay"\ngraphroot="${own}"\nrunroot="${join(folder.name, 'own-run')}"\n` +
      `[storage.options]\nadditionalimagestores=["${storage}"]\n`,
  );
  const seen = async (STORAGE_OPTS?: string) => {
    const env = { CONTAINERS_STORAGE_CONF: configuration, STORAGE_OPTS };
    const exists = ['podman', '--cgroup-manager=cgroupfs', '--runtime=runc', 'image', 'exists', name] as const;
    const { exitCode } = await run(exists, { step: 'ask podman', env, okExitCodes: [0, 1] });
    const environment = {
      CONTAINERS_STORAGE_CONF: configuration,
      ...(STORAGE_OPTS === undefined ? {} : { STORAGE_OPTS }),
    };
    const roots = storageRoots({ environment, uid: 0, root: '/' });
    const isFound = await inspectSource(`containers-storage:${name}`, { storageRoots: roots }).then(
      () => true,
      (error: { code?: string }) => {
        expect(error.code).toBe('STORAGE_NO_IMAGE');
        return false;
      },
    );
    return { podman: exitCode === 0, isFound };
  };
  const found = { podman: true, isFound: true };
  expect(await seen()).toEqual(found);
  expect(await seen('')).toEqual({ podman: false, isFound: false });
  expect(await seen(`overlay.imagestore=${storage}`)).toEqual(found);
  expect(await seen(`additionalimagestore=${storage}`)).toEqual(found);
});
