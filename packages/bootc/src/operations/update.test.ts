import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkRepository, listTags } from '@workbench/composefs';
import { expect, test } from 'vitest';
import { loaderPaths } from '../boot/names.ts';
import { parseOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { assertNoOp, collectSystemGarbage } from '../gc/collect.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { formatHumanReadable } from '../status/human-readable.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { deleteDeployment } from './delete-deployment.ts';
import { finalizeStaged } from './finalize.ts';
import { type FollowingSystem, followImage } from './followed-system.testing.ts';
import { switchInPlace } from './switch.ts';
import { publishImage, snapshotOf, targetOf, type UpdateSystem } from './update-system.testing.ts';
import { checkForUpgrade } from './upgrade.ts';

let system: UpdateSystem;
let followed: string;
let environment: FollowingSystem['environment'];
const { image, kernelFolders, publish, record, roles, runSwitch, runUpgrade } = followImage((made) => {
  ({ system, followed, environment } = made);
});
const entriesOf = (set: 'entries' | 'staged') => {
  const directory = join(system.boot.bootDirectory, loaderPaths[set]);
  return readdirSync(directory).map((name) => readFileSync(join(directory, name), 'utf8'));
};
// What was imported and is not used leaves folders, and directories with another time.
const withoutRepository = (snapshot: Map<string, string>) =>
  new Map([...snapshot].filter(([path]) => !path.includes('sysroot/composefs')));
const assertClean = () =>
  system.use(async (storage) => {
    assertNoOp(await collectSystemGarbage(storage, { isDryRun: true, onlyBootFiles: false }));
    expect((await checkRepository(await storage.openRepository())).errors).toEqual([]);
  });

test('an upgrade is staged with state, origin, entries and record, and shares the kernel', async () => {
  publish({
    ...bootableFiles('2'),
    'etc/new': 'brought by the image\n',
    'etc/.updated': '',
    'boot/text': 'of the image',
  });
  const images = () => readdirSync(join(system.repositoryPath, 'images'));
  const imagesBefore = images();
  const id = await runUpgrade();
  // One in each format, and none but those to boot.
  expect(images().filter((name) => !imagesBefore.includes(name))).toHaveLength(2);
  const { staged, booted } = await roles();
  expect(staged?.id).toBe(id);
  expect(booted.id).toBe(system.booted.id);
  expect(staged?.problems).toEqual([]);
  const paths = deploymentPaths(system.physicalRoot, id!);
  expect(readdirSync(paths.etc).sort()).toEqual(['hostname', 'new']);
  const origin = parseOrigin(readFileSync(paths.origin, 'utf8'));
  expect(origin).toMatchObject({ imageReference: `ostree-unverified-image:${followed}`, bootType: 'bls' });
  expect(origin.bootDigest).toBe(booted.origin?.bootDigest);
  expect(readFileSync(record(), 'utf8')).toBe(`{"depl_id":"${id}","finalization_locked":false}`);
  // The new one first; both boot the kernel that is there.
  expect(kernelFolders()).toEqual([`bootc_composefs-${system.booted.id}`]);
  const staging = entriesOf('staged');
  expect(staging).toHaveLength(2);
  const next = staging.find((text) => text.includes(`composefs=?${id}`));
  expect(next).toContain(`linux /EFI/Linux/bootc_composefs-${system.booted.id}/vmlinuz`);
  expect(next).toContain('sort-key bootc-test-0');
  expect(staging.find((text) => text.includes(`composefs=?${system.booted.id}`))).toContain('sort-key bootc-test-1');
  expect(entriesOf('entries')).toHaveLength(1);
  expect(environment.starts).toBe(1);
  expect(environment.lines[0]).toBe(`Queued for next boot: ${followed}`);
  await assertClean();
});

test('nothing new changes nothing, and says so', async () => {
  expect(await runUpgrade()).toBeUndefined();
  expect(environment.lines).toEqual([`No changes in: ${followed}`]);
  expect(environment.starts).toBe(0);
  await assertClean();
});

test('checking tells of a newer version and changes nothing', async () => {
  publish({ ...bootableFiles('2') });
  const before = readdirSync(system.repositoryPath, { recursive: true }).length;
  await system.use((storage) => checkForUpgrade(storage, {}, environment));
  expect(readdirSync(system.repositoryPath, { recursive: true })).toHaveLength(before);
  expect(environment.lines[0]).toBe(`Update available for: ${followed}`);
  expect(environment.lines.at(-3)).toMatch(/^Total new layers: 1 {4}Size: [0-9.]+ KiB$/);
  expect(environment.lines.at(-1)).toMatch(/^Added layers: {5}1 {4}Size: /);
  expect((await roles()).staged).toBeUndefined();
  // Status tells of it, until what was found is what runs.
  const status = () =>
    system.use(async (storage) =>
      buildHostDocument(await buildRootModel(storage), { mounts: [], isReadOnly: false, isSelinuxEnabled: false }),
    );
  const found = (await status()).status.booted?.cachedUpdate;
  expect(found).toMatchObject({ image: { transport: 'oci' }, timestamp: '2026-11-24T14:17:04Z', version: null });
  expect(formatHumanReadable(await status(), { isVerbose: false })).toContain(
    `Update: Available\n  UpdateDigest: ${found?.imageDigest}\n`,
  );
  publish(bootableFiles('1'));
  await system.use((storage) => checkForUpgrade(storage, {}, environment));
  expect((await status()).status.booted?.cachedUpdate).toBeNull();
});

test('checking changes nothing while something is staged, whatever it finds', async () => {
  publish(bootableFiles('2', 'second kernel'));
  const id = await runUpgrade();
  for (const [found, line] of [
    ['1', 'No changes in: '],
    ['2', 'No changes in staged image: '],
    ['3', 'Update available for: '],
  ] as const) {
    publish(bootableFiles(found, found === '2' ? 'second kernel' : undefined));
    const before = snapshotOf(system);
    environment.lines.length = 0;
    await system.use((storage) => checkForUpgrade(storage, {}, environment));
    expect(environment.lines[0]).toBe(`${line}${followed}`);
    expect(snapshotOf(system)).toEqual(before);
    expect((await roles()).staged?.id).toBe(id);
  }
  expect(environment.starts).toBe(1);
});

test('an update that is staged already is used; a newer one replaces it and leaves nothing of it', async () => {
  publish(bootableFiles('2', 'second kernel'));
  const second = await runUpgrade();
  expect(await runUpgrade()).toBe(second);
  expect(environment.lines.at(-1)).toContain('Update already staged');
  publish(bootableFiles('3'));
  const third = await runUpgrade();
  expect(third).not.toBe(second);
  expect((await roles()).staged?.id).toBe(third);
  expect(existsSync(deploymentPaths(system.physicalRoot, second!).directory)).toBe(false);
  expect(kernelFolders()).toEqual([`bootc_composefs-${system.booted.id}`]);
  expect(entriesOf('staged')).toHaveLength(2);
  await assertClean();
});

test('the same content under another name is refused, by the role of the deployment that has it', async () => {
  const copy = image(bootableFiles('1'));
  await expect(runSwitch(copy)).rejects.toThrow(
    `Target image has the same fs-verity digest as the existing booted deployment ${system.booted.id}`,
  );
  expect(existsSync(record())).toBe(false);
  const second = await runSwitch(image(bootableFiles('2')));
  await expect(runSwitch(image(bootableFiles('2')))).rejects.toThrow(`existing staged deployment ${second}`);
  expect((await roles()).staged?.id).toBe(second);
  await assertClean();
});

test('the same content with another configuration is refused, too, by upgrade as by switch; what is staged stays', async () => {
  // One more layer, with a file that is there already: another image, which boots the same.
  const again = (version: string) =>
    [bootableFiles(version), { 'usr/share/version': bootableFiles(version)['usr/share/version']! }] as const;
  let copies = 0;
  const copy = (version: string) => writeImageLayout(join(system.directory, `copy-${++copies}`), ...again(version));
  const refuse = async (action: () => Promise<unknown>, role: string, id: string): Promise<void> => {
    const before = snapshotOf(system);
    const message = expect.stringContaining(`existing ${role} deployment ${id}: `);
    await expect(action()).rejects.toMatchObject({ code: 'SAME_CONTENT', message });
    expect(withoutRepository(snapshotOf(system))).toEqual(withoutRepository(before));
    await assertClean();
  };
  const { id: booted } = system.booted;
  const second = (await runSwitch(image(bootableFiles('2'))))!;
  const copyOfBooted = copy('1');
  const copyOfStaged = copy('2');
  await refuse(() => runSwitch(copyOfBooted), 'booted', booted);
  await refuse(() => runSwitch(copyOfStaged), 'staged', second);
  await system.use(finalizeStaged);
  await refuse(() => runSwitch(copyOfStaged), 'rollback', second);
  rmSync(followed.slice('oci:'.length), { recursive: true });
  writeImageLayout(followed.slice('oci:'.length), ...again('1'));
  await refuse(() => runUpgrade(), 'booted', booted);
  rmSync(followed.slice('oci:'.length), { recursive: true });
  writeImageLayout(followed.slice('oci:'.length), ...again('2'));
  await refuse(() => runUpgrade(), 'rollback', second);
});

test('what is staged is followed, until it is given up', async () => {
  const other = image(bootableFiles('2'));
  const second = await runSwitch(other);
  publishImage(other, bootableFiles('3'));
  publish(bootableFiles('4'));
  const third = await runUpgrade();
  expect(third).not.toBe(second);
  expect((await roles()).staged?.origin?.imageReference).toBe(`ostree-unverified-image:${other}`);
  expect(environment.lines).toContain(`Queued for next boot: ${other}`);
  await system.use((storage) => deleteDeployment(storage, third!));
  await runUpgrade();
  expect((await roles()).staged?.origin?.imageReference).toBe(`ostree-unverified-image:${followed}`);
  await assertClean();
});

test('switching to what the system follows already changes nothing, but tells what is staged', async () => {
  expect(await runSwitch(followed)).toBeUndefined();
  expect(environment.lines).toEqual(['Image specification is unchanged.']);
  const other = image(bootableFiles('2'));
  const id = await runSwitch(other);
  expect(await runSwitch(other)).toBe(id);
});

test('switching in place changes the record alone', async () => {
  const entries = entriesOf('entries');
  await system.use((storage) => switchInPlace(storage, targetOf('docker://registry.example/os:2'), environment));
  const { booted, staged } = await roles();
  expect(booted.origin?.imageReference).toBe('ostree-unverified-image:docker://registry.example/os:2');
  expect(staged).toBeUndefined();
  expect(entriesOf('entries')).toEqual(entries);
});

test('a conflict in /etc is found when staging; nothing is staged and nothing left', async () => {
  writeFileSync(join(system.root, 'etc/local'), 'a file');
  publish({ ...bootableFiles('2', 'new kernel'), 'etc/local/file': 'in a directory' });
  await expect(runUpgrade()).rejects.toThrow(
    'Merge conflicts found in etc: /etc/local is a directory in the new image, but not here',
  );
  expect(existsSync(record())).toBe(false);
  expect(existsSync(join(system.boot.bootDirectory, loaderPaths.staged))).toBe(false);
  expect(kernelFolders()).toEqual([`bootc_composefs-${system.booted.id}`]);
  await assertClean();
});

test('an image that claims more than there is room for is refused before anything is read', async () => {
  const source = image(bootableFiles('2'));
  const layout = source.slice('oci:'.length);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.slice('sha256:'.length));
  const manifest = JSON.parse(readFileSync(blob(index.manifests[0].digest), 'utf8'));
  manifest.layers[0].size = 999_999_999_999_999;
  const { createHash } = await import('node:crypto');
  const bytes = Buffer.from(JSON.stringify(manifest));
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  writeFileSync(blob(digest), bytes);
  index.manifests[0] = { ...index.manifests[0], digest, size: bytes.length };
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index));
  await expect(runSwitch(source)).rejects.toThrow(/^Insufficient free space for .*needs .* on \/sysroot, have /);
  expect(environment.starts).toBe(0);
  await assertClean();
});

test('a newest version that was rolled back from is nothing new, so that a timer does not fail', async () => {
  publish(bootableFiles('2'));
  const id = await runUpgrade();
  // The first of both is the one that runs here still, as after going back.
  await system.use(finalizeStaged);
  environment.lines.length = 0;
  expect(await runUpgrade()).toBeUndefined();
  expect(environment.lines).toEqual([
    `No changes in: ${followed}`,
    `It is the image of the rollback deployment ${id}; bootc rollback boots it`,
  ]);
});

test('leftovers of an attempt that was cut short do not keep the next one from working', async () => {
  publish(bootableFiles('2', 'new kernel'));
  const id = (await runUpgrade())!;
  // As after a reboot that did not finalize: the record is gone.
  rmSync(record());
  mkdirSync(join(deploymentPaths(system.physicalRoot, id).directory, 'more'));
  expect(await runUpgrade()).toBe(id);
  expect(readdirSync(deploymentPaths(system.physicalRoot, id).directory).sort()).toEqual([
    `${id}.origin`,
    'etc',
    'var',
  ]);
  // As when the origin got lost: the deployment is none that the system could tell.
  rmSync(deploymentPaths(system.physicalRoot, id).origin);
  expect((await roles()).staged).toBeUndefined();
  expect(await runUpgrade()).toBe(id);
  expect((await roles()).staged?.id).toBe(id);
  await assertClean();
});

test('boot files that were not written to their end are collected, the booted one stays', async () => {
  const esp = join(system.boot.espDirectory, 'EFI/Linux');
  const id = 'c'.repeat(128);
  const leftovers = [
    `bootc_composefs-${id}.new/vmlinuz`,
    `bootc/.bootc_composefs-${id}.efi.new`,
    `bootc/bootc_composefs-${id}.efi.extra.d/x.addon.efi`,
  ];
  for (const path of leftovers) {
    mkdirSync(join(esp, path, '..'), { recursive: true });
    writeFileSync(join(esp, path), 'half');
  }
  writeFileSync(join(esp, 'bootc/of-somebody-else.efi'), '');
  publish(bootableFiles('2'));
  await runUpgrade();
  expect(kernelFolders().sort()).toEqual(['bootc', `bootc_composefs-${system.booted.id}`]);
  expect(readdirSync(join(esp, 'bootc'))).toEqual(['of-somebody-else.efi']);
});

test('the tag of the staged image is there, and those of others stay', async () => {
  publish(bootableFiles('2'));
  await runUpgrade();
  const tags = await system.use(async (storage) => listTags(await storage.openRepository()));
  const { booted, staged } = await roles();
  expect([...tags.keys()].sort()).toEqual(
    [booted, staged].map((deployment) => `localhost/bootc-${deployment?.image?.manifestDigest}`).sort(),
  );
});
