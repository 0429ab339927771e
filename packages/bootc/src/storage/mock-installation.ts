import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findComposefsArgument, parseKernelArguments } from '../boot/kernel-arguments.ts';
import type { Bootloader } from '../boot/names.ts';
import type { ImageStore, StoredImage } from './image-store.ts';
import type { RootModelSource } from './root-model.ts';

/** An installed system made of plain files in a temporary folder, for tests: `/`, `/sysroot` and the ESP. */
export interface MockInstallation extends RootModelSource {
  /** The folder of everything, to be removed by the test. */
  directory: string;
}

/** What a mock installation is made of. */
export interface MockOptions {
  bootedId: string;
  isMissingVerityAllowed?: boolean;
  bootloader?: Bootloader;
  images?: ImageStore;
}

/** An installation without deployments; tests add files below `root`, `physicalRoot` and `boot.espDirectory`. */
export function makeMockInstallation(options: MockOptions): MockInstallation {
  const directory = mkdtempSync(join(tmpdir(), 'mock-installation-'));
  const root = join(directory, 'root');
  const physicalRoot = join(root, 'sysroot');
  const espDirectory = join(directory, 'esp');
  const bootloader = options.bootloader ?? 'systemd';
  for (const path of [physicalRoot, espDirectory]) mkdirSync(path, { recursive: true });
  return {
    directory,
    root,
    physicalRoot,
    host: {
      kind: 'composefs',
      deploymentId: options.bootedId,
      isMissingVerityAllowed: options.isMissingVerityAllowed ?? false,
    },
    boot: {
      bootloader,
      espDirectory,
      bootDirectory: bootloader === 'grub' ? join(physicalRoot, 'boot') : espDirectory,
    },
    images: options.images ?? mockImageStore({}),
  };
}

/**
 * The installation that a folder of `fixtures/` was taken from: its trees with all folders, links and (empty) files, and the
 * files whose content was kept.
 */
export function makeFixtureInstallation(fixture: string, images: ImageStore): MockInstallation {
  const booted = findComposefsArgument(parseKernelArguments(readFileSync(join(fixture, 'proc-cmdline'), 'utf8')));
  const mock = makeMockInstallation({ bootedId: booted!.deploymentId, images });
  const trees: [string, string][] = [
    ['sysroot.tree', mock.physicalRoot],
    ['esp.tree', mock.boot.espDirectory],
  ];
  for (const [tree, target] of trees) plantTree(readFileSync(join(fixture, tree), 'utf8'), target);
  const contents: [string, string][] = [
    ['files/sysroot', mock.physicalRoot],
    ['files/esp', mock.boot.espDirectory],
    ['files/run-composefs', join(mock.root, 'run/composefs')],
  ];
  for (const [source, target] of contents) {
    if (existsSync(join(fixture, source))) cpSync(join(fixture, source), target, { recursive: true });
  }
  return mock;
}

// Lines of `TYPE MODE OWNER SIZE PATH`, for a link followed by ` -> TARGET`, perhaps by a remark in parentheses. A link
// without a target was summarised.
function plantTree(tree: string, target: string): void {
  for (const line of tree.split('\n')) {
    const match = /^([dfl]) \S+ \S+ \S+ (\.\S*)(?: -> (\S+))?/.exec(line);
    if (match === null || line.endsWith('(summarised)')) continue;
    const [, type, name, linkTarget] = match;
    const path = join(target, name!);
    mkdirSync(type === 'd' ? path : dirname(path), { recursive: true });
    if (type === 'l') symlinkSync(linkTarget!, path);
    if (type === 'f') writeFileSync(path, '');
  }
}

/** A store that holds these images by manifest digest, and these tags. EROFS images are all there unless listed as missing. */
export function mockImageStore(content: {
  images?: Readonly<Record<string, StoredImage>>;
  /** Images to boot that were made of these, by manifest digest. */
  bootImageIds?: Readonly<Record<string, readonly string[]>>;
  tags?: Readonly<Record<string, string>>;
  missingErofsImages?: readonly string[];
}): ImageStore {
  return {
    readImage: async (manifestDigest) => {
      const image = content.images?.[manifestDigest];
      if (image === undefined) throw new Error(`image ${manifestDigest} is not in the repository`);
      return image;
    },
    readBootImageIds: async (manifestDigest) => content.bootImageIds?.[manifestDigest] ?? [],
    listTags: async () => new Map(Object.entries(content.tags ?? {})),
    hasErofsImage: async (id) => content.missingErofsImages?.includes(id) !== true,
  };
}
