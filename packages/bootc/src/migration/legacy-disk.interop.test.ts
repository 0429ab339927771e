import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import * as composefs from '@workbench/composefs';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { mountAt } from '../install/mounts.ts';
import { formatSfdiskScript, planPartitions, sfdiskCommand } from '../install/partition-table.ts';
import { populateRoot } from '../install/populate-root.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { imageStoreOf } from '../storage/image-store.ts';
import { makeMockInstallation } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { migrateStorage } from './migrate.ts';

const program = new URL('../../legacy-disk.ts', import.meta.url).pathname;
const sectorBytes = 512;

/** Starts and sizes of the EFI system partition and the root partition, in bytes. */
async function partition(disk: string) {
  await run(['truncate', '--size=1600M', disk], { step: 'make a disk' });
  const script = formatSfdiskScript(planPartitions('x86_64'), '0F0E0D0C-0B0A-4908-8706-050403020100');
  await run(sfdiskCommand(disk), { step: 'partition', input: script });
  const { stdout } = await run(['sfdisk', '--json', disk], { step: 'read the table' });
  const partitions: { start: number; size: number; name: string }[] = JSON.parse(stdout).partitiontable.partitions;
  const find = (wanted: string) => {
    const { start, size } = partitions.find(({ name }) => name === wanted)!;
    return { offset: start * sectorBytes, size: size * sectorBytes };
  };
  return { esp: find('EFI-SYSTEM'), root: find('root') };
}

/** What an image holds that boots by a unified kernel image, which names the image. */
async function unifiedFiles(scratch: string): Promise<Record<string, string | Uint8Array>> {
  const system = await makeTestSystem();
  const { id } = await deploy(system, writeImageLayout(scratch, bootableFiles('1')));
  rmSync(system.directory, { recursive: true });
  return { ...bootableFiles('1'), 'boot/EFI/Linux/6.12.efi': makeUki(`rw composefs=?${id}`) };
}

test.each([
  ['kernel folders', 'EFI/Linux', ''],
  ['unified kernel images', 'EFI/Linux/bootc', '.efi'],
])('a disk with %s becomes one of bootc 1.13, and this version makes it its own again', async (_, kernels, ending) => {
  const isUnified = ending !== '';
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const at = (name: string): string => join(work.path, name);
  const raw = at('disk.raw');
  const { esp, root } = await partition(raw);
  const espSectors = String(esp.offset / sectorBytes);
  await run(['mkfs.fat', `--offset=${espSectors}`, '-F', '32', raw, String(esp.size / 1024)], {
    step: 'format the ESP',
  });
  await run(['mkfs.ext4', '-q', '-O', 'verity', '-E', `offset=${root.offset}`, raw, `${root.size / 1024}k`], {
    step: 'format the root',
  });
  const mtools = (argv: [string, ...string[]]) =>
    run(argv, { step: 'use mtools', env: { MTOOLS_SKIP_CHECK: '1', PATH: process.env.PATH } });
  const mountRoot = (file: string) =>
    mountAt(file, at('root'), { options: ['loop', `offset=${root.offset}`, `sizelimit=${root.size}`] });

  mkdirSync(at('esp'));
  let fresh: Awaited<ReturnType<typeof populateRoot>>;
  {
    await using _mount = await mountRoot(raw);
    const files = isUnified ? await unifiedFiles(at('unsealed')) : bootableFiles('1');
    fresh = await populateRoot({
      rootMount: at('root'),
      espMount: at('esp'),
      imageMount: at('mounted'),
      source: { transport: 'oci', image: writeImageLayout(at('image'), files).slice('oci:'.length) },
      decision: {
        filesystem: 'ext4',
        bootloader: 'systemd',
        isDiscoverable: true,
        isMissingVerityAllowed: true,
        isGenericImage: true,
        target: { transport: 'registry', image: 'registry.example/os:stable' },
        signature: 'unverified',
      },
      rootSpec: 'UUID=x',
      kernelArguments: { configuration: [], commandLine: [], deletes: [] },
      disableSelinux: false,
      ukiAddons: [],
      isHostSelinuxEnabled: false,
      warn: (line) => expect.fail(line),
    });
  }
  for (const name of readdirSync(at('esp')))
    await mtools(['mcopy', '-i', `${raw}@@${esp.offset}`, '-s', at(`esp/${name}`), '::/']);
  const disk = at('disk.qcow2');
  await run(['qemu-img', 'convert', '-O', 'qcow2', raw, disk], { step: 'pack the disk' });

  await run([process.execPath, program, disk], { step: 'make it a legacy disk' });

  // Another file: a loop device may still show the first one as it was.
  const converted = at('converted.raw');
  await run(['qemu-img', 'convert', '-O', 'raw', disk, converted], { step: 'unpack the disk' });
  rmSync(at('esp'), { recursive: true });
  mkdirSync(at('esp'));
  await mtools(['mcopy', '-i', `${converted}@@${esp.offset}`, '-s', '::/EFI', '::/loader', at('esp')]);
  await using _mount = await mountRoot(converted);
  const [legacyId] = readdirSync(at('root/state/deploy'));
  expect(legacyId).toMatch(/^[0-9a-f]{128}$/);
  // A unified kernel image has the id in it, whatever its format.
  expect(legacyId === fresh.deploymentId).toBe(isUnified);
  expect(readdirSync(at(`esp/${kernels}`))).toEqual([`${legacyId}${ending}`]);

  const mock = makeMockInstallation({ bootedId: legacyId! });
  rmSync(mock.directory, { recursive: true });
  const repository = await composefs.openRepository(at('root/composefs'));
  await using _repository = repository;
  const images = imageStoreOf(repository, composefs);
  const system = {
    ...mock,
    root: at('run-root'),
    physicalRoot: at('root'),
    boot: { bootloader: 'systemd', bootDirectory: at('esp'), espDirectory: at('esp') } as const,
    images,
    openRepository: async () => repository,
  };
  // The deployment is of format 2, and so is everything that is made in this repository from now on.
  expect(repository.erofsFormats).toEqual({ default: 2, extra: [] });
  const before = buildHostDocument(await buildRootModel(system), {
    mounts: [],
    isReadOnly: false,
    isSelinuxEnabled: false,
  });
  expect(before.status.incomplete).toBeUndefined();
  expect(before.status.booted?.image?.imageDigest).toBe(fresh.manifestDigest);
  expect((await migrateStorage(system)).problems).toEqual([]);
  expect(readdirSync(at(`esp/${kernels}`))).toEqual([`bootc_composefs-${legacyId}${ending}`]);
  expect(
    buildHostDocument(await buildRootModel(system), { mounts: [], isReadOnly: false, isSelinuxEnabled: false }),
  ).toEqual(before);

  // The image comes again, by whatever way: then the record names it.
  const again = await composefs.importImage(repository, `oci:${at('image')}`, { bootable: true, tag: 'x' });
  expect(again.bootImageIds.get(2) === legacyId).toBe(!isUnified);
  const later = { ...system, images: imageStoreOf(repository, composefs) };
  expect((await migrateStorage(later)).changes).toEqual([
    `record ${fresh.manifestDigest} as the image of deployment ${legacyId}`,
  ]);
  expect(await composefs.listTags(repository)).toContainEqual([
    `localhost/bootc-${fresh.manifestDigest}`,
    fresh.manifestDigest,
  ]);
  expect(readFileSync(at(`root/state/deploy/${legacyId}/${legacyId}.origin`), 'utf8')).toContain(fresh.manifestDigest);
});
