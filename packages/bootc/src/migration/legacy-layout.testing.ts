import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { blsMenuName } from '../boot/bls-menu.ts';
import { formatOrigin, type Origin, parseOrigin } from '../deployment/origin.ts';
import { deploymentPaths, isDeploymentId, physicalRoot } from '../deployment/state-paths.ts';

/** A fresh installation of this program, to be turned into one of bootc 1.13. */
export interface FreshInstallation {
  physicalRoot: string;
  espDirectory: string;
  /** Of the one image that is installed. */
  manifest: unknown;
  config: unknown;
  /** The image to boot in format 2, the only one of 1.13. A unified kernel image names its deployment itself, so it stays. */
  formatTwoId: string;
}

const prefix = 'bootc_composefs-';

/**
 * Turns a fresh installation into what bootc 1.13 would have left: names without prefix, an origin without the manifest and
 * an `.imginfo` file instead, a repository without metadata, manifests and tags. The streams of configurations go on to refer
 * to images, which 1.13 did not write: they are sealed, and nobody tells the difference from outside.
 *
 * @returns the id of the deployment.
 */
export function turnIntoLegacy(installation: FreshInstallation): string {
  const { physicalRoot: root, espDirectory } = installation;
  const [id, ...others] = readdirSync(join(root, physicalRoot.deployments)).filter(isDeploymentId);
  if (id === undefined || others.length > 0) throw new Error(`there are ${others.length + 1} deployments, not one`);
  const origin = parseOrigin(readFileSync(deploymentPaths(root, id).origin, 'utf8'));
  const newId = origin.bootType === 'uki' ? id : installation.formatTwoId;
  renameBootFiles(installation, id, newId);
  for (const boot of [espDirectory, join(root, 'boot')]) rewriteEntries(boot, id, newId);
  rewriteState(installation, { id, newId, origin });
  rewriteRepository(join(root, physicalRoot.repository), newId);
  for (const path of ['ostree', '.bootc-aleph.json']) rmSync(join(root, path), { recursive: true, force: true });
  return newId;
}

function renameBootFiles({ physicalRoot: root, espDirectory }: FreshInstallation, id: string, newId: string): void {
  for (const folder of [join(espDirectory, 'EFI/Linux'), join(espDirectory, 'EFI/Linux/bootc'), join(root, 'boot')]) {
    const names = existsSync(folder) ? readdirSync(folder) : [];
    for (const name of names.filter((candidate) => candidate.startsWith(`${prefix}${id}`))) {
      renameSync(join(folder, name), join(folder, name.replace(`${prefix}${id}`, newId)));
    }
  }
}

function rewriteEntries(boot: string, id: string, newId: string): void {
  const rewritten = (text: string): string => text.replaceAll(`${prefix}${id}`, newId).replaceAll(id, newId);
  const entries = join(boot, 'loader/entries');
  for (const name of existsSync(entries) ? readdirSync(entries) : []) {
    const text = rewritten(readFileSync(join(entries, name), 'utf8')).replace(/^uki /m, 'efi ');
    unlinkSync(join(entries, name));
    // The place in the menu has been in front of a name, for grub, only since.
    writeFileSync(join(entries, rewritten(name).replace(/^bootc_[0-9]+_/, 'bootc_')), text);
  }
  const menu = join(boot, 'grub2/user.cfg');
  if (existsSync(menu)) writeFileSync(menu, rewritten(readFileSync(menu, 'utf8')));
}

function rewriteState(
  { physicalRoot: root, manifest, config }: FreshInstallation,
  { id, newId, origin }: { id: string; newId: string; origin: Origin },
): void {
  renameSync(deploymentPaths(root, id).directory, deploymentPaths(root, newId).directory);
  const { directory, origin: newOrigin, legacyImageInfo } = deploymentPaths(root, newId);
  unlinkSync(join(directory, `${id}.origin`));
  const { manifestDigest: _, ...kept } = origin;
  writeFileSync(newOrigin, formatOrigin(kept));
  writeFileSync(legacyImageInfo, JSON.stringify({ config, manifest }));
}

function rewriteRepository(repository: string, id: string): void {
  for (const path of ['meta.json', 'bootc', 'streams/refs', 'images/refs']) {
    rmSync(join(repository, path), { recursive: true, force: true });
  }
  for (const name of readdirSync(join(repository, 'images'))) {
    if (name !== id) unlinkSync(join(repository, 'images', name));
  }
  for (const name of readdirSync(join(repository, 'streams'))) {
    if (name.startsWith('oci-manifest-')) unlinkSync(join(repository, 'streams', name));
  }
}

/** Parts of the ESP that are ours; the boot loader's own files are the same in all versions. */
export const espParts = ['EFI/Linux', 'loader/entries'];
const rootParts = ['composefs', 'ostree', 'state'];

/** Listings of the ESP and of the physical root, one line for each path, as `find` writes them for the fixtures. */
export interface CapturedListings {
  esp: string;
  sysroot: string;
}

/**
 * How a converted installation differs from a machine of the real bootc 1.13, a line for each path. That machine had systemd-boot and
 * a kernel folder; in the other layouts the same things are elsewhere.
 */
export function differencesFromCaptured(
  { physicalRoot: root, espDirectory }: Pick<FreshInstallation, 'physicalRoot' | 'espDirectory'>,
  captured: CapturedListings,
): string[] {
  const isGrub = ['loader/entries', 'grub2/user.cfg'].some((path) => existsSync(join(root, 'boot', path)));
  const isUnified = existsSync(join(espDirectory, 'EFI/Linux/bootc'));
  const actual = describeLayout([
    ...listLayout(root, rootParts).map((line) => `root: ${line}`),
    ...listLayout(espDirectory, espParts).map((line) => `esp: ${line}`),
    ...(isGrub ? listLayout(root, ['boot']).filter(isOursInBoot) : []).map((line) => `root: ${line}`),
  ]);
  const kernels = parseLayout(captured.esp, ['EFI/Linux']);
  const entries = parseLayout(captured.esp, ['loader/entries']);
  const inBoot = (line: string): string => `root: ${line.replace(/(?<=^. )(EFI\/Linux\/)?/, 'boot/')}`;
  const onEsp = (line: string): string => `esp: ${line}`;
  const kernelFolders = kernels.filter((line) => line !== 'd EFI/Linux');
  const unified = ['d EFI/Linux', 'd EFI/Linux/bootc', `f EFI/Linux/bootc/${'0'.repeat(128)}.efi`].map(onEsp);
  const menu = isUnified ? ['root: f boot/grub2/user.cfg'] : entries.map(inBoot);
  const expected = describeLayout([
    ...parseLayout(captured.sysroot, rootParts).map((line) => `root: ${line}`),
    ...(isUnified ? unified : isGrub ? kernelFolders.map(inBoot) : kernels.map(onEsp)),
    ...(isGrub ? menu : entries.map(onEsp)),
  ]);
  return [
    ...expected.filter((line) => !actual.includes(line)).map((line) => `lacks ${line}`),
    // That machine had no addons.
    ...actual.filter((line) => !expected.includes(line) && !line.includes('.efi.extra.d')).map((line) => `has ${line}`),
  ];
}

// Not the other things of grub, nor the menu that one without the module blscfg needs.
function isOursInBoot(line: string): boolean {
  return (
    /^. boot\/((bootc_composefs-)?[0-9a-f]{128}|loader\/entries|grub2\/user\.cfg)/.test(line) &&
    !line.endsWith(blsMenuName)
  );
}

/** What a listing tells of a layout: type and path of each, ids and digests replaced by words, each line once, sorted. */
function describeLayout(lines: readonly string[]): string[] {
  const described = lines.map((line) =>
    line
      .replaceAll(/objects\/[0-9a-f]{2}\/[0-9a-f]+/g, 'objects/OBJECT')
      .replaceAll(/\b[0-9a-f]{128}\b/g, 'ID')
      .replaceAll(/sha256:[0-9a-f]{64}/g, 'DIGEST')
      .replace(/bootc_[^/]*-([01])\.conf$/, 'bootc_NAME-$1.conf'),
  );
  return [...new Set(described)].sort();
}

/** The lines for {@link describeLayout} of a folder on disk, below some of its parts. */
function listLayout(root: string, parts: readonly string[]): string[] {
  return parts.flatMap((part) => {
    const stats = lstatSync(join(root, part), { throwIfNoEntry: false });
    if (stats === undefined) return [];
    if (stats.isSymbolicLink()) return [`l ${part} -> ${readlinkSync(join(root, part))}`];
    if (!stats.isDirectory()) return [`f ${part}`];
    // What the captured listings sum up.
    if (/^(composefs\/objects|state\/deploy\/[0-9a-f]+\/etc|state\/os\/default\/var)$/.test(part)) return [`d ${part}`];
    const names = readdirSync(join(root, part)).filter((name) => name !== 'lost+found');
    return [
      `d ${part}`,
      ...listLayout(
        root,
        names.map((name) => join(part, name)),
      ),
    ];
  });
}

/** The lines for {@link describeLayout} of a captured `sysroot.tree` or `esp.tree`, below some of its parts. */
function parseLayout(tree: string, parts: readonly string[]): string[] {
  return tree.split('\n').flatMap((line) => {
    const match = /^([dfl]) \S+ \S+ \S+ \.\/(\S*?)\/?(?: -> (\S+))?( \(summarised\))?$/.exec(line);
    if (match === null) return [];
    const [, type, path, target] = match;
    const isBelow = parts.some((part) => path === part || path!.startsWith(`${part}/`));
    if (!isBelow || path!.startsWith('state/os/default/var/')) return [];
    return [`${type} ${path}${target === undefined ? '' : ` -> ${target}`}`];
  });
}
