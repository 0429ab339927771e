import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { computeRootDigest } from '../container/composefs-digest.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { isUnified } from '../unified/acquire-image.ts';
import type { InstallDecision } from './decide.ts';
import { mkfsRootCommand } from './file-systems.ts';
import { attachLoop, mountAt } from './mounts.ts';
import { formatSfdiskScript, planPartitions, sfdiskCommand } from './partition-table.ts';
import { type PopulateOptions, populateRoot } from './populate-root.ts';

const kernel = Buffer.alloc(100_000, 'kernel');
const initramfs = Buffer.alloc(200_000, 'initramfs');
const osRelease = 'ID=example\nPRETTY_NAME="Example OS 10"\nVERSION_ID=10\n';

const files: Readonly<Record<string, string | Buffer>> = {
  'boot/.keep': '',
  'sysroot/.keep': '',
  'run/.keep': '',
  'etc/.updated': 'x',
  'etc/hostname': 'example\n',
  'etc/ssl/long': 'a'.repeat(1000),
  'usr/lib/os-release': osRelease,
  'usr/lib/modules/6.12.1/vmlinuz': kernel,
  'usr/lib/modules/6.12.1/initramfs.img': initramfs,
  'usr/lib/bootc/kargs.d/10-console.toml': 'kargs = ["console=ttyS0"]\n',
  'var/lib/example/state': 'b'.repeat(2000),
};

/** An OCI layout with one layer, as skopeo would have copied it, and the layer. */
async function makeImage(
  folder: string,
  content: Readonly<Record<string, string | Buffer>> = files,
): Promise<{ layout: string; manifestDigest: string; layerFile: string }> {
  const tree = join(folder, 'tree');
  for (const [path, bytes] of Object.entries(content)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), bytes);
  }
  mkdirSync(join(tree, 'var/tmp'));
  chmodSync(join(tree, 'var/tmp'), 0o1777);
  const layerFile = join(folder, 'layer.tar');
  await run(['tar', '--sort=name', '--mtime=@1700000000', '-C', tree, '-cf', layerFile, '.'], { step: 'make a layer' });
  const layout = join(folder, 'image');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const addBlob = (content: Buffer | object, mediaType: string) => {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layer = addBlob(readFileSync(layerFile), 'application/vnd.oci.image.layer.v1.tar');
  const architecture = process.arch === 'arm64' ? 'arm64' : 'amd64';
  const config = addBlob(
    {
      created: '2026-11-24T14:17:04Z',
      architecture,
      os: 'linux',
      config: { Labels: { 'containers.bootc': '1', 'org.opencontainers.image.version': '10.1' } },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    },
    'application/vnd.oci.image.config.v1+json',
  );
  const manifestType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = addBlob({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }, manifestType);
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return { layout, manifestDigest: manifest.digest, layerFile };
}

const decision: InstallDecision = {
  filesystem: 'ext4',
  bootloader: 'systemd',
  isDiscoverable: true,
  isMissingVerityAllowed: true,
  isGenericImage: true,
  target: { transport: 'registry', image: 'registry.example/os:stable' },
  signature: 'unverified',
};

/** Type, mode, and path of everything below a folder, links with their target; objects are left out. */
function describeTree(root: string, folder = ''): string[] {
  return readdirSync(join(root, folder))
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      const stats = lstatSync(join(root, path));
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) return [`l ${path} -> ${readlinkSync(join(root, path))}`];
      if (!stats.isDirectory()) return [`f ${mode} ${path}`];
      if (path === 'composefs/objects') return [`d ${mode} ${path}`];
      return [`d ${mode} ${path}`, ...describeTree(root, path)];
    });
}

test('an ext4 root and an ESP are filled so that the real cfsctl finds nothing wrong', async () => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const { layout, manifestDigest } = await makeImage(work.path);
  const disk = join(work.path, 'root.img');
  await run(['truncate', '-s', '512M', disk], { step: 'make a disk' });
  const uuid = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
  await run(mkfsRootCommand('ext4', { device: disk, uuid, overwrite: false }), { step: 'make a file system' });
  const loop = await attachLoop(disk);
  await using _loop = loop;
  const rootMount = join(work.path, 'root');
  const espMount = join(work.path, 'esp');
  mkdirSync(espMount);
  await using _root = await mountAt(loop.device, rootMount, { type: 'ext4' });

  const calls: string[] = [];
  const options: PopulateOptions = {
    rootMount,
    espMount,
    imageMount: join(work.path, 'mounted'),
    source: { transport: 'oci', image: layout },
    decision,
    rootSpec: `UUID=${uuid}`,
    kernelArguments: { configuration: [], commandLine: ['quiet'], deletes: [] },
    disableSelinux: false,
    ukiAddons: [],
    authorizedKeys: 'ssh-ed25519 AAAA me\n',
    isHostSelinuxEnabled: false,
    onImport: ({ phase }) => void (calls.at(-1) === phase || calls.push(phase)),
    installBootloader: async (imageRoot) => {
      calls.push(`boot loader, ${readFileSync(join(imageRoot, 'etc/ssl/long'), 'utf8').length} bytes readable`);
      expect(existsSync(join(espMount, 'loader'))).toBe(false);
      // What the old boot loader reads may go now, so all that the new one will boot has to be there.
      const [id] = readdirSync(join(rootMount, 'state/deploy'));
      expect(existsSync(join(rootMount, 'state/deploy', id!, `${id}.origin`))).toBe(true);
      expect(existsSync(join(rootMount, '.bootc-aleph.json'))).toBe(true);
    },
    onDeploy: () => void calls.push('deploy'),
    warn: (line) => void calls.push(line),
  };
  const installed = await populateRoot(options);
  const id = installed.deploymentId;

  expect(calls).toEqual(['layers', 'images', 'boot loader, 1000 bytes readable', 'deploy']);
  expect(installed).toMatchObject({ manifestDigest, entryFileName: 'bootc_example-10-1.conf' });
  expect(installed.bootDigest).toBe(createHash('sha256').update(kernel).update(initramfs).digest('hex'));

  // The real tool opens the repository, checks every object and stream, and knows the image by its tag.
  const repository = join(rootMount, 'composefs');
  const cfsctl = async (...args: string[]) =>
    (
      await run(['cfsctl', '--repo', repository, '--insecure', ...args], {
        step: 'ask cfsctl',
        env: { PATH: toolPath },
      })
    ).stdout;
  await cfsctl('fsck');
  expect(await cfsctl('oci', 'images')).toContain(`localhost/bootc-${manifestDigest}`);

  const tree = describeTree(rootMount).map((line) =>
    line
      .replaceAll(id, 'ID')
      .replaceAll(/\b[0-9a-f]{128}\b/g, 'OTHER')
      .replace(/objects\/(..)\/\w+$/, 'objects/…'),
  );
  expect(tree.filter((line) => !line.includes('composefs/images/') && !line.includes('composefs/streams/'))).toEqual([
    'f 644 .bootc-aleph.json',
    'd 755 boot',
    'd 755 boot/efi',
    'd 700 composefs',
    'd 755 composefs/bootc',
    'd 755 composefs/images',
    'f 644 composefs/meta.json',
    'd 755 composefs/objects',
    'd 755 composefs/streams',
    'd 700 lost+found',
    'd 755 ostree',
    'l ostree/bootc -> ../composefs/bootc',
    'd 755 state',
    'd 755 state/deploy',
    'd 755 state/deploy/ID',
    'f 644 state/deploy/ID/ID.origin',
    'd 755 state/deploy/ID/etc',
    'f 644 state/deploy/ID/etc/hostname',
    'd 755 state/deploy/ID/etc/ssl',
    'f 644 state/deploy/ID/etc/ssl/long',
    'd 755 state/deploy/ID/etc/tmpfiles.d',
    'f 644 state/deploy/ID/etc/tmpfiles.d/bootc-root-ssh.conf',
    'l state/deploy/ID/var -> ../../os/default/var',
    'd 755 state/os',
    'd 755 state/os/default',
    'd 755 state/os/default/var',
    'd 755 state/os/default/var/lib',
    'd 755 state/os/default/var/lib/example',
    'f 644 state/os/default/var/lib/example/state',
    'd 1777 state/os/default/var/tmp',
  ]);
  // The image to boot in both formats, the plain one in both formats.
  expect(readdirSync(join(repository, 'images'))).toContain(id);
  const tag = join(repository, 'streams/refs/oci', `localhost%2Fbootc-${manifestDigest}`);
  expect(readlinkSync(tag)).toBe(`../../oci-manifest-${manifestDigest}`);

  expect(readFileSync(join(rootMount, `state/deploy/${id}/${id}.origin`), 'utf8')).toBe(`[origin]
container-image-reference = ostree-unverified-image:docker://registry.example/os:stable

[boot]
boot_type = bls
digest = ${installed.bootDigest}

[image]
manifest_digest = ${manifestDigest}
`);
  expect(JSON.parse(readFileSync(join(rootMount, '.bootc-aleph.json'), 'utf8'))).toMatchObject({
    digest: manifestDigest,
    'target-image': 'registry.example/os:stable',
    version: '10.1',
    selinux: 'disabled',
  });

  expect(describeTree(espMount).map((line) => line.replace(/^(.) \d+ /, '$1 ').replaceAll(id, 'ID'))).toEqual([
    'd EFI',
    'd EFI/Linux',
    'd EFI/Linux/bootc_composefs-ID',
    'f EFI/Linux/bootc_composefs-ID/initrd',
    'f EFI/Linux/bootc_composefs-ID/vmlinuz',
    'd loader',
    'd loader/entries',
    'f loader/entries/bootc_example-10-1.conf',
  ]);
  expect(statSync(join(espMount, `EFI/Linux/bootc_composefs-${id}/initrd`)).size).toBe(initramfs.length);
  expect(readFileSync(join(espMount, 'loader/entries/bootc_example-10-1.conf'), 'utf8')).toBe(`title Example OS 10
version 10
linux /EFI/Linux/bootc_composefs-${id}/vmlinuz
initrd /EFI/Linux/bootc_composefs-${id}/initrd
options rw quiet composefs=?${id} console=ttyS0
sort-key bootc-example-0
`);
});

test('a unified kernel image is installed under the id that it boots, with the addons that are asked for', async () => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const at = (...names: string[]) => join(work.path, ...names);
  const withoutKernel = Object.fromEntries(Object.entries(files).filter(([path]) => !path.includes('modules')));
  const { layerFile } = await makeImage(at('plain'), withoutKernel);
  mkdirSync(at('unpacked'));
  await run(['tar', '-C', at('unpacked'), '-xf', layerFile], { step: 'unpack the layer' });
  const id = await computeRootDigest(at('unpacked'), at('sealed.dump'));
  const install = async (name: string, added: Record<string, string | Buffer>, ukiAddons: string[]) => {
    const { layout } = await makeImage(at(name), { ...withoutKernel, ...added });
    for (const folder of ['root', 'esp']) mkdirSync(at(name, folder));
    const warnings: string[] = [];
    const result = populateRoot({
      rootMount: at(name, 'root'),
      espMount: at(name, 'esp'),
      imageMount: at(name, 'mounted'),
      source: { transport: 'oci', image: layout },
      decision,
      rootSpec: 'UUID=x',
      kernelArguments: { configuration: [], commandLine: ['quiet'], deletes: [] },
      disableSelinux: false,
      ukiAddons,
      isHostSelinuxEnabled: false,
      warn: (line) => void warnings.push(line),
    });
    return { warnings, ...(await result.catch((error: unknown) => ({ error }))) };
  };
  const uki = {
    'boot/EFI/Linux/6.12.1.efi': makeUki(`rw composefs=?${id}`),
    'boot/EFI/Linux/6.12.1.efi.extra.d/debug.addon.efi': 'addon',
    'boot/EFI/Linux/6.12.1.efi.extra.d/other.addon.efi': 'other',
  };
  expect(await install('good', uki, ['debug'])).toMatchObject({
    deploymentId: id,
    entryFileName: 'bootc_example-7-1.conf',
    warnings: ['a UKI has its own command line, so these have no effect: quiet'],
  });
  expect(describeTree(at('good/esp')).map((line) => line.replaceAll(id, 'ID'))).toEqual([
    'd 755 EFI',
    'd 755 EFI/Linux',
    'd 755 EFI/Linux/bootc',
    'f 644 EFI/Linux/bootc/bootc_composefs-ID.efi',
    'd 755 EFI/Linux/bootc/bootc_composefs-ID.efi.extra.d',
    'f 644 EFI/Linux/bootc/bootc_composefs-ID.efi.extra.d/debug.addon.efi',
    'd 755 loader',
    'd 755 loader/entries',
    'f 644 loader/entries/bootc_example-7-1.conf',
  ]);
  expect(readFileSync(at('good/root/state/deploy', id, `${id}.origin`), 'utf8')).toContain('boot_type = uki\n');
  expect(await install('absent', uki, ['nonsense'])).toMatchObject({ error: { code: 'UKI_ADDON_MISSING' } });

  const dump = readFileSync(at('sealed.dump'));
  const changed = { ...uki, 'etc/hostname': 'changed\n', 'boot/6.12.1.dump': dump };
  const refused = await install('changed', changed, []);
  expect(refused).toMatchObject({
    error: { code: 'UKI_DIGEST_MISMATCH', message: expect.stringContaining(`is '${id}'`) },
  });
  expect(refused.warnings).toEqual([expect.stringMatching(/^~ \/etc\/hostname: .*content/)]);
  expect(existsSync(at('changed/esp/EFI'))).toBe(false);

  // As in a build that seals what the same step has written: the layer will have whole seconds.
  utimesSync(at('unpacked/etc/hostname'), 1_700_000_000.25, 1_700_000_000.25);
  const ofStep = await computeRootDigest(at('unpacked'), at('of-step.dump'));
  const tooEarly = {
    ...withoutKernel,
    'boot/EFI/Linux/6.12.1.efi': makeUki(`rw composefs=?${ofStep}`),
    'boot/6.12.1.dump': readFileSync(at('of-step.dump')),
  };
  const early = await install('early', tooEarly, []);
  expect(early).toMatchObject({
    error: { code: 'UKI_DIGEST_MISMATCH', hint: expect.stringContaining('committed as a layer before') },
  });
  expect(early.warnings).toEqual(['~ /etc/hostname: mtime 1700000000.250000000 became 1700000000.0']);
});

test.each([
  ['overlay', 'etc/upper', []],
  [
    'transient',
    'etc',
    [expect.stringMatching(/^the image has its \/etc only in memory, so .* of root and that the old/)],
  ],
])('what an installation has to tell the system is where a %s /etc has it', async (mode, place, warned) => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const at = (...names: string[]) => join(work.path, ...names);
  const configuration = { 'usr/lib/composefs/setup-root-conf.toml': `[etc]\nmount = "${mode}"\n` };
  const { layout } = await makeImage(at('image'), { ...files, ...configuration });
  for (const folder of ['root', 'esp']) mkdirSync(at(folder));
  const warnings: string[] = [];
  const { deploymentId } = await populateRoot({
    rootMount: at('root'),
    espMount: at('esp'),
    imageMount: at('mounted'),
    source: { transport: 'oci', image: layout },
    decision,
    rootSpec: 'UUID=x',
    kernelArguments: { configuration: [], commandLine: [], deletes: [] },
    disableSelinux: false,
    ukiAddons: [],
    authorizedKeys: 'ssh-ed25519 AAAA me\n',
    removesOldSystem: true,
    isHostSelinuxEnabled: false,
    warn: (line) => void warnings.push(line),
  });
  const etc = at('root/state/deploy', deploymentId, place);
  expect(readdirSync(join(etc, 'tmpfiles.d'))).toEqual(['bootc-root-ssh.conf']);
  expect(readdirSync(etc)).toContain('bootc-destructive-cleanup');
  expect(statSync(etc).mode & 0o7777).toBe(0o755);
  expect(warnings).toEqual(warned);
});

const toolPath = `${join(import.meta.dirname, '../../../../target/tools/bin')}:${process.env.PATH ?? ''}`;

test('sfdisk and mkfs take what is planned for them', async () => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const disk = join(work.path, 'disk.img');
  await run(['truncate', '-s', '3G', disk], { step: 'make a disk' });
  const diskId = '0F0E0D0C-0B0A-4908-8706-050403020100';
  await run(sfdiskCommand(disk), { step: 'partition', input: formatSfdiskScript(planPartitions('x86_64'), diskId) });
  const { stdout } = await run(['sfdisk', '--json', disk], { step: 'read the table' });
  const table = JSON.parse(stdout).partitiontable;
  expect(table).toMatchObject({ label: 'gpt', id: diskId });
  expect(table.partitions).toMatchObject([
    {
      start: 2048,
      size: 2048,
      type: '21686148-6449-6E6F-744E-656564454649',
      name: 'BIOS-BOOT',
    },
    { size: 2097152, type: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B', name: 'EFI-SYSTEM' },
    { type: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709', name: 'root' },
  ]);

  for (const [filesystem, size] of [
    ['ext4', '256M'],
    ['xfs', '320M'],
    ['btrfs', '256M'],
  ] as const) {
    const image = join(work.path, filesystem);
    const uuid = '7d444840-9dc0-41d1-b245-5ffdce74fad2';
    await run(['truncate', '-s', size, image], { step: 'make a disk' });
    await run(mkfsRootCommand(filesystem, { device: image, uuid, overwrite: true }), { step: 'make a file system' });
    const { stdout: found } = await run(['blkid', '-p', '-o', 'export', image], { step: 'read it' });
    expect(found).toContain(`LABEL=root\nUUID=${uuid}`);
    expect(found).toContain(`TYPE=${filesystem}`);
  }
  const { stdout: features } = await run(['dumpe2fs', '-h', join(work.path, 'ext4')], { step: 'read its features' });
  expect(features).toMatch(/^Filesystem features:.* verity/m);
});

test('an installation by way of container storage is the same, and has the image under the name that it follows', async () => {
  const work = await dir({ unsafeCleanup: true });
  await using _work = { [Symbol.asyncDispose]: () => work.cleanup() };
  const at = (...names: string[]) => join(work.path, ...names);
  const { layout } = await makeImage(at('image'));
  const lines: string[] = [];
  const install = async (name: string, isUnified: boolean) => {
    for (const folder of ['root', 'esp']) mkdirSync(at(name, folder), { recursive: true });
    return populateRoot({
      rootMount: at(name, 'root'),
      espMount: at(name, 'esp'),
      imageMount: at(name, 'mounted'),
      source: { transport: 'oci', image: layout },
      decision,
      rootSpec: 'UUID=x',
      kernelArguments: { configuration: [], commandLine: [], deletes: [] },
      disableSelinux: false,
      ukiAddons: [],
      isHostSelinuxEnabled: false,
      isUnified,
      print: (line) => void lines.push(line),
      warn: (line) => void lines.push(line),
    });
  };
  const direct = await install('direct', false);
  const unified = await install('unified', true);
  expect(unified.deploymentId).toBe(direct.deploymentId);
  expect(lines).toEqual([expect.stringMatching(/^Container storage: \d+ objects shared by (hard link|reflink)/)]);
  expect(await isUnified({ physicalRoot: at('unified/root'), reference: decision.target })).toBe(true);
  expect(await isUnified({ physicalRoot: at('direct/root'), reference: decision.target })).toBe(false);
  expect(readlinkSync(at('unified/root/ostree/bootc'))).toBe('../composefs/bootc');
});
