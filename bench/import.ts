/**
 * Imports the image under test by ours and by cfsctl, in turn, and compares: time as a ratio, and that both make the same
 * image. Run `just bench-import` after `just build`.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CodedError, describeError, run } from '@workbench/run';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'target/bench');
const image = 'localhost/bootc';
const rounds = 5;

interface Importer {
  name: string;
  command: [string, ...string[]];
}

const importers: readonly [Importer, Importer] = [
  { name: 'ours', command: [process.execPath, join(root, 'packages/composefs/src/cli/cfs.ts')] },
  { name: 'cfsctl', command: [join(root, 'target/tools/bin/cfsctl')] },
];

async function importOnce({ name, command }: Importer, source: string): Promise<{ durationMs: number; id: string }> {
  const repository = join(folder, `repository-${name}`);
  const call = async (...args: string[]) =>
    run([...command, ...args], { step: `${name} ${args[0]}`, timeoutMs: 300_000 });
  await rm(repository, { recursive: true, force: true });
  await call('init', '--insecure', '--algorithm', 'fsverity-sha512-12', repository);
  const { durationMs } = await call('--repo', repository, 'oci', 'pull', source, 'bench', '--bootable');
  const { stdout } = await call('--repo', repository, 'oci', 'compute-id', '--bootable', 'bench');
  return { durationMs, id: stdout.trim() };
}

/** cfsctl, the judge, finds our repository clean. */
async function checkOurs(): Promise<void> {
  const repository = join(folder, 'repository-ours');
  for (const verb of [['fsck'], ['oci', 'fsck']]) {
    await run([importers[1].command[0], '--repo', repository, ...verb], { step: `cfsctl ${verb.join(' ')} of ours` });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function main(): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const layout = join(folder, 'image');
  await run(['skopeo', 'copy', '--quiet', `containers-storage:${image}`, `oci:${layout}:bench`], {
    step: `copy ${image} to an OCI layout`,
  });
  const times: Record<string, number[]> = { ours: [], cfsctl: [] };
  const ids = new Set<string>();
  for (let round = 0; round < rounds; round += 1) {
    for (const importer of importers) {
      const { durationMs, id } = await importOnce(importer, `oci:${layout}:bench`);
      times[importer.name]?.push(durationMs);
      ids.add(id);
    }
  }
  if (ids.size !== 1) {
    throw new CodedError('IDS_DIFFER', `the two tools make different images: ${[...ids].join(', ')}`, {
      hint: `both repositories are in ${folder}`,
    });
  }
  await checkOurs();
  const [ours, theirs] = [median(times.ours ?? []), median(times.cfsctl ?? [])];
  console.log(`id       ${[...ids][0]}`);
  console.log(`ours     ${(ours / 1000).toFixed(2)} s, median of ${rounds}`);
  console.log(`cfsctl   ${(theirs / 1000).toFixed(2)} s`);
  console.log(`ratio    ${(ours / theirs).toFixed(2)}`);
  console.log('cfsctl fsck and cfsctl oci fsck find our repository clean');
  await rm(folder, { recursive: true, force: true });
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
