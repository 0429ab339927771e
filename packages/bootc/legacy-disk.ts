#!/usr/bin/env node
/**
 * Turns a freshly installed disk, an image file of raw or qcow2 format, into one as bootc 1.13 installed it: for tests, which
 * then need no old program. Usage: `legacy-disk.ts FILE`. Needs root for a loop mount, qemu-utils, mtools and e2fsprogs; not a
 * kernel with VFAT or fs-verity. Boot loader and kind of kernel are those the disk was installed with.
 *
 * The result is compared with the listing of a machine that the real 1.13 installed.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { openRepository, readImageMetadata } from '@workbench/composefs';
import { CodedError, describeError, run } from '@workbench/run';
import { openSplitStream } from '../composefs/src/splitstream/reader.ts';
import { mountAt } from './src/install/mounts.ts';
import { differencesFromCaptured, espParts, turnIntoLegacy } from './src/migration/legacy-layout.testing.ts';

const espType = 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B';

interface Partition {
  offsetBytes: number;
  sizeBytes: number;
}

/** Converts the disk in place. If it throws, the disk is as it was, unless its format is raw. */
async function convertDisk(file: string): Promise<void> {
  const work = mkdtempSync(join(dirname(file), '.legacy-disk-'));
  try {
    const { stdout } = await run(['qemu-img', 'info', '--output=json', file], { step: 'look at the disk' });
    const { format } = JSON.parse(stdout) as { format: string };
    const raw = format === 'raw' ? file : join(work, 'disk.raw');
    if (raw !== file) await run(['qemu-img', 'convert', '-O', 'raw', file, raw], { step: 'unpack the disk' });
    await convertRaw(raw, work);
    if (raw === file) return;
    const packed = join(work, 'disk.qcow2');
    await run(['qemu-img', 'convert', '-O', format, raw, packed], { step: 'pack the disk' });
    renameSync(packed, file);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function convertRaw(raw: string, work: string): Promise<void> {
  const { esp, root } = await findPartitions(raw);
  const espFolder = join(work, 'esp');
  const fat = ['-i', `${raw}@@${esp.offsetBytes}`];
  const mtools = (step: string, argv: [string, ...string[]], okExitCodes: number[] = []) =>
    run(argv, { step, okExitCodes, env: { MTOOLS_SKIP_CHECK: '1', PATH: process.env.PATH } });
  const present: string[] = [];
  for (const part of espParts) {
    mkdirSync(join(espFolder, dirname(part)), { recursive: true });
    // Grub has its entries and kernels on the root file system.
    const { exitCode } = await mtools('look at the ESP', ['mdir', ...fat, '-b', `::/${part}`], [1]);
    if (exitCode !== 0) continue;
    present.push(part);
    await mtools('read the ESP', ['mcopy', ...fat, '-s', `::/${part}`, join(espFolder, dirname(part))]);
  }
  const mountPoint = join(work, 'root');
  {
    const options = ['loop', `offset=${root.offsetBytes}`, `sizelimit=${root.sizeBytes}`];
    await using _mount = await mountAt(raw, mountPoint, { options });
    const image = await readImage(mountPoint, { work, sealed: `${raw}?offset=${root.offsetBytes}` });
    const installation = { physicalRoot: mountPoint, espDirectory: espFolder, ...image };
    turnIntoLegacy(installation);
    requireLegacyLayout(installation);
  }
  for (const part of present) {
    await mtools('clear the ESP', ['mdeltree', ...fat, `::/${part}`]);
    await mtools('write the ESP', ['mcopy', ...fat, '-s', '-o', join(espFolder, part), `::/${dirname(part)}/`]);
  }
}

async function findPartitions(raw: string): Promise<{ esp: Partition; root: Partition }> {
  const { stdout } = await run(['sfdisk', '--json', raw], { step: 'read the partition table' });
  const { partitiontable: table } = JSON.parse(stdout) as {
    partitiontable: { sectorsize: number; partitions: { start: number; size: number; type: string; name?: string }[] };
  };
  const find = (what: string, isIt: (partition: { type: string; name?: string }) => boolean): Partition => {
    const found = table.partitions.find(isIt);
    if (found === undefined) throw new CodedError('DISK_PARTITION_MISSING', `the disk has no ${what} partition`);
    return { offsetBytes: found.start * table.sectorsize, sizeBytes: found.size * table.sectorsize };
  };
  return {
    esp: find('EFI system', ({ type }) => type.toUpperCase() === espType),
    root: find('root', ({ name }) => name === 'root'),
  };
}

/**
 * Reads manifest and configuration of the image on a disk, by a repository that holds copies of nothing else. A kernel without
 * fs-verity refuses to open sealed files, so these are read from the file system itself.
 */
async function readImage(mountPoint: string, { work, sealed }: { work: string; sealed: string }) {
  const repository = join(mountPoint, 'composefs');
  const copy = join(work, 'repository');
  const fetch = async (path: string): Promise<Buffer> => {
    const target = join(copy, path);
    mkdirSync(dirname(target), { recursive: true });
    try {
      copyFileSync(join(repository, path), target);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOTSUP')) throw error;
      await run(['debugfs', '-R', `dump /composefs/${path} ${target}`, sealed], { step: `read ${path}` });
    }
    return readFileSync(target);
  };
  await fetch('meta.json');
  for (const name of readdirSync(join(repository, 'streams')).filter((candidate) =>
    /^oci-(manifest|config)/.test(candidate),
  )) {
    const object = readlinkSync(join(repository, 'streams', name)).replace('../', '');
    const stream = await openSplitStream(await fetch(object), 'sha512');
    for (const digest of stream.objectReferences) await fetch(`objects/${digest.slice(0, 2)}/${digest.slice(2)}`);
  }
  await run(['cp', '--archive', '--no-target-directory', join(repository, 'streams'), join(copy, 'streams')], {
    step: 'copy the names of streams',
  });
  await using opened = await openRepository(copy);
  const manifests = readdirSync(join(copy, 'streams')).filter((name) => name.startsWith('oci-manifest-'));
  const { manifest, config, configReferences } = await readImageMetadata(
    opened,
    manifests[0]!.slice('oci-manifest-'.length),
  );
  const formatTwoId = configReferences.get('composefs.image.boot');
  if (formatTwoId === undefined) {
    throw new CodedError('FORMAT_TWO_MISSING', 'the image on the disk was not made in format 2, which 1.13 boots');
  }
  return { manifest, config, formatTwoId };
}

function requireLegacyLayout(installation: { physicalRoot: string; espDirectory: string }): void {
  const captured = join(import.meta.dirname, 'fixtures/peer-old-1-installed');
  const read = (tree: string): string => readFileSync(join(captured, tree), 'utf8');
  const differences = differencesFromCaptured(installation, { esp: read('esp.tree'), sysroot: read('sysroot.tree') });
  if (differences.length === 0) return;
  throw new CodedError('LEGACY_LAYOUT_DIFFERS', `the disk is not as bootc 1.13 left it: it ${differences.join(', ')}`);
}

try {
  const { positionals } = parseArgs({ allowPositionals: true });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new CodedError('USAGE', 'usage: legacy-disk.ts FILE', { exitCode: 2 });
  await convertDisk(resolve(file));
  process.stdout.write(`${file} is as bootc 1.13 would have installed it\n`);
} catch (error) {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}
