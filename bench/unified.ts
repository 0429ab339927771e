/**
 * What an update costs by way of container storage and directly: an image with one changed layer of 50 MB from a registry on
 * the loopback interface, on btrfs and ext4. Beside it, the import from container storage against that from an OCI layout.
 * Run `just bench-unified` after `just build`; needs root and docker-registry.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, readToolArguments, run } from '@workbench/run';
import { initRepository } from '../packages/composefs/src/index.ts';
import { allowPlainRegistries, startRegistry } from '../packages/composefs/src/oci/registry.testing.ts';
import { type Cost, measureCommand } from './measure.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'target/bench-unified');
const mount = join(folder, 'mount');
const image = 'localhost/bootc';
const layerBytes = 50_000_000;
const rounds = 3;
const limits = { writtenPerLayer: 1.1, importRatio: 0.5 } as const;
const ways = ['unified', 'direct'] as const;
const filesystems = [
  { name: 'btrfs', mkfs: ['mkfs.btrfs', '-q', '-f'] },
  { name: 'ext4', mkfs: ['mkfs.ext4', '-q', '-F', '-O', 'verity'] },
] as const;
type Filesystem = (typeof filesystems)[number];

const upgrade = [process.execPath, join(root, 'bench/unified-upgrade.ts')] as const;
const syncCalls = ['fsync', 'fdatasync', 'syncfs', 'sync', 'sync_file_range', 'msync'];

function call(argv: readonly [string, ...string[]], step: string) {
  return run(argv, { step, timeoutMs: 600_000 });
}

/** Pushes the image under test, and one with a further layer. */
async function publish(host: string): Promise<{ base: string; updated: string }> {
  const context = join(folder, 'context');
  mkdirSync(context, { recursive: true });
  writeFileSync(join(context, 'changed'), randomBytes(layerBytes));
  writeFileSync(join(context, 'Containerfile'), `FROM ${image}\nCOPY changed /usr/share/changed\n`);
  const derived = 'localhost/bench-unified';
  await call(['podman', 'build', '--quiet', '--isolation=chroot', '--tag', derived, context], 'build the update');
  const push = async (source: string, tag: string): Promise<string> => {
    const name = `${host}/os:${tag}`;
    await call(['skopeo', 'copy', '--quiet', `containers-storage:${source}`, `docker://${name}`], `push ${name}`);
    return name;
  };
  const names = { base: await push(image, 'base'), updated: await push(derived, 'updated') };
  await call(['podman', 'image', 'rm', '--force', derived], 'remove the update');
  return names;
}

async function withFilesystem<T>(filesystem: Filesystem, use: (device: string) => Promise<T>): Promise<T> {
  const disk = join(folder, 'disk.img');
  await call(['truncate', '--size=8G', disk], 'make a disk');
  await call([...filesystem.mkfs, disk], `make ${filesystem.name}`);
  const { stdout } = await call(['losetup', '--find', '--show', disk], 'attach the disk');
  const device = stdout.trim();
  try {
    mkdirSync(mount, { recursive: true });
    await call(['mount', device, mount], 'mount the disk');
    try {
      return await use(device);
    } finally {
      await call(['umount', mount], 'unmount the disk');
    }
  } finally {
    await call(['losetup', '--detach', device], 'detach the disk');
    rmSync(disk);
  }
}

async function makeRepository(name: string): Promise<string> {
  const path = join(mount, name);
  mkdirSync(path, { recursive: true });
  const repository = await initRepository(join(path, 'composefs'), {
    algorithm: 'sha512',
    verity: 'if-supported',
    erofsFormats: { default: 1, extra: [2] },
  });
  await repository[Symbol.asyncDispose]();
  return path;
}

interface Update extends Cost {
  syncs: number;
  /** Of the images of the whole system, which grow with that and not with the layer, and which every update writes. */
  imagesBytes: number;
  id: string;
}

/** Costs of the update; its syncs are counted in another, slower run. */
async function measureUpdate(
  filesystem: Filesystem,
  way: (typeof ways)[number],
  names: { base: string; updated: string },
): Promise<Update> {
  const prepared = async <T>(measure: (path: string, device: string) => Promise<T>): Promise<T> =>
    withFilesystem(filesystem, async (device) => {
      const path = await makeRepository('.');
      await call([...upgrade, path, names.base, way], `bring the image before (${way})`);
      return measure(path, device);
    });
  const counted = await prepared(async (path) => {
    const log = join(folder, 'strace.txt');
    const strace = [
      'strace',
      '--follow-forks',
      '--quiet=all',
      `--trace=${syncCalls.join(',')}`,
      `--output=${log}`,
    ] as const;
    await call([...strace, ...upgrade, path, names.updated, way], `count syncs (${way})`);
    const { stdout } = await call(['grep', '--count', '(', log], 'count');
    return Number(stdout);
  });
  const costs: Cost[] = [];
  let told = { id: '', imagesBytes: 0 };
  for (let round = 0; round < rounds; round++) {
    await prepared(async (path, device) => {
      const measured = await measureCommand([...upgrade, path, names.updated, way], {
        step: `update (${way})`,
        mount,
        device,
      });
      costs.push(measured.cost);
      told = JSON.parse(measured.result.stdout) as typeof told;
    });
  }
  const middle = (of: keyof Cost): number => median(costs.map((cost) => cost[of]));
  return {
    durationMs: middle('durationMs'),
    cpuMs: middle('cpuMs'),
    writtenBytes: middle('writtenBytes'),
    peakBytes: middle('peakBytes'),
    syncs: counted,
    ...told,
  };
}

/** The program as it is in an image, since that is what people run. */
async function bundleProgram(): Promise<readonly [string, ...string[]]> {
  const guest = join(folder, 'guest');
  await call([process.execPath, join(root, 'packages/bootc/bundle.ts'), `--output=${guest}`], 'bundle the program');
  const library = join(guest, 'usr/lib/bootc');
  return [join(library, 'node'), join(library, 'bootc.cjs'), 'internals', 'cfs'];
}

type ImportTime = Pick<Cost, 'durationMs' | 'cpuMs'>;

/** Times of importing the whole image from container storage and from a layout, on one file system. */
async function measureImports(
  filesystem: Filesystem,
  base: string,
): Promise<{ storage: ImportTime; layout: ImportTime }> {
  const cfs = await bundleProgram();
  return withFilesystem(filesystem, async (device) => {
    const path = await makeRepository('first');
    await call([...upgrade, path, base, 'unified'], 'bring the image into container storage');
    const storageRoot = join(path, 'composefs/bootc/storage');
    const layout = join(mount, 'layout');
    await call(['skopeo', 'copy', '--quiet', `docker://${base}`, `oci:${layout}:bench`], 'copy the image to a layout');
    const times = { storage: [] as Cost[], layout: [] as Cost[] };
    for (let round = 0; round < rounds; round++) {
      for (const [kind, source] of [
        ['storage', `containers-storage:${base}`],
        ['layout', `oci:${layout}:bench`],
      ] as const) {
        const target = await makeRepository(`${kind}-${round}`);
        const argv = [
          'env',
          `CONTAINERS_STORAGE_ROOT=${storageRoot}`,
          ...cfs,
          '--repo',
          join(target, 'composefs'),
          'oci',
          'pull',
          source,
          'bench',
          '--bootable',
        ] as const;
        times[kind].push((await measureCommand(argv, { step: `import (${kind})`, mount, device })).cost);
        rmSync(target, { recursive: true });
      }
    }
    const medians = (costs: readonly Cost[]): ImportTime => ({
      durationMs: median(costs.map(({ durationMs }) => durationMs)),
      cpuMs: median(costs.map(({ cpuMs }) => cpuMs)),
    });
    return { storage: medians(times.storage), layout: medians(times.layout) };
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Prints a ratio beside its limit. Returns whether it is kept. */
function judge(what: string, ratio: number, limit: number): boolean {
  const isKept = ratio <= limit;
  console.log(`${what.padEnd(58)} ${ratio.toFixed(2)} (limit ${limit}) ${isKept ? 'ok' : 'EXCEEDED'}`);
  return isKept;
}

async function main(): Promise<void> {
  const about =
    'Measures what an update of one layer costs by way of container storage and directly; fails when more is written than need be. ' +
    'Needs root, docker-registry and localhost/bootc.';
  if (readToolArguments({ usage: 'just bench-unified', about, options: {} }) === undefined) return;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  allowPlainRegistries(folder);
  await using registry = await startRegistry(join(folder, 'registry'));
  const names = await publish(registry.host);
  const verdicts: boolean[] = [];
  console.log('update of one layer of 50 MB   seconds  MB written  of it images  MB memory  syncs');
  for (const filesystem of filesystems) {
    const ids = new Set<string>();
    for (const way of ways) {
      const update = await measureUpdate(filesystem, way, names);
      ids.add(update.id);
      const cells = [
        (update.durationMs / 1000).toFixed(2).padStart(8),
        (update.writtenBytes / 1e6).toFixed(1).padStart(11),
        (update.imagesBytes / 1e6).toFixed(1).padStart(13),
        (update.peakBytes / 1e6).toFixed(0).padStart(10),
        String(update.syncs).padStart(6),
      ];
      console.log(`${`${filesystem.name}, ${way}`.padEnd(28)} ${cells.join(' ')}`);
      if (filesystem.name === 'btrfs' && way === 'unified') {
        verdicts.push(
          judge(
            '  written beside the images of the system, of the layer',
            (update.writtenBytes - update.imagesBytes) / layerBytes,
            limits.writtenPerLayer,
          ),
        );
      }
    }
    if (ids.size !== 1) throw new Error(`the two ways make different images: ${[...ids].join(', ')}`);
  }
  for (const filesystem of filesystems) {
    const { storage, layout } = await measureImports(filesystem, names.base);
    const seconds = ({ durationMs, cpuMs }: ImportTime): string =>
      `${(durationMs / 1000).toFixed(2)} s (${(cpuMs / 1000).toFixed(2)} s of processors)`;
    console.log(
      `import of all on ${filesystem.name}: container storage ${seconds(storage)}, layout ${seconds(layout)}`,
    );
    const ratio = storage.durationMs / layout.durationMs;
    verdicts.push(judge('  import from container storage, as multiple of oci:', ratio, limits.importRatio));
  }
  rmSync(folder, { recursive: true, force: true });
  if (verdicts.includes(false)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = error instanceof CodedError ? error.exitCode : 1;
}
