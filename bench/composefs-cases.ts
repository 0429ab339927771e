import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@workbench/run';

/** One of the programs that are compared, and its own repository. */
export interface Program {
  name: 'ours' | 'cfsctl';
  command: readonly [string, ...string[]];
  /** What it takes to let it read container storage itself. */
  directStorage: readonly string[];
}

/** What is measured. */
export interface BenchCase {
  what: string;
  /** Time as a multiple of cfsctl's that is still good. */
  goodRatio: number;
  /** Makes what all rounds need, in a folder. */
  prepare(folder: string): Promise<void>;
  /** `import`: each round begins with a new repository. `keep`: one repository, with the image in it. `none`: no repository. */
  repository: 'import' | 'keep' | 'none';
  /** Arguments of the command that fills the repository of `keep`. */
  fill?(folder: string): string[];
  /** Arguments of the command that is measured. */
  arguments(folder: string, program: Program): string[];
}

/** Trees that are made up. */
type Tree = 'files' | 'inodes';

const image = 'localhost/bootc';
const filesCount = 10_000;
const fileBytes = 200_000;

/** What is asked of a repository that has an image in it. */
const questions = {
  'boot-image-id': { what: 'oci compute-id', arguments: ['oci', 'compute-id', '--bootable', 'bench'] },
  'image-id': { what: 'oci compute-id', arguments: ['oci', 'compute-id', 'bench'] },
  gc: { what: 'gc with nothing to remove', arguments: ['gc', '--dry-run'] },
  fsck: { what: 'fsck', arguments: ['fsck'] },
} as const;

function askOf(
  of: string,
  { prepare, fill }: { prepare: BenchCase['prepare']; fill: NonNullable<BenchCase['fill']> },
): (question: keyof typeof questions) => BenchCase {
  return (question) => ({
    what: `${questions[question].what} of ${of}`,
    goodRatio: 1.5,
    prepare,
    repository: 'keep',
    fill,
    arguments: () => [...questions[question].arguments],
  });
}

const pullTree = (name: Tree) => (folder: string) => [
  'oci',
  'pull',
  `oci:${join(folder, `${name}-layout`)}:bench`,
  'bench',
];
const filesText = `${filesCount} files of ${fileBytes / 1000} KB`;
const ofImage = askOf(image, { prepare: copyToLayout, fill: pullLayout });
const ofFiles = askOf(filesText, { prepare: makeFilesLayout, fill: pullTree('files') });
const ofInodes = askOf('a tree of 200,000 inodes', { prepare: makeInodesLayout, fill: pullTree('inodes') });

/** All cases by name. */
export const benchCases: Readonly<Record<string, BenchCase>> = {
  oci: {
    what: `import ${image} from an OCI layout`,
    goodRatio: 1,
    prepare: copyToLayout,
    repository: 'import',
    arguments: pullLayout,
  },
  storage: {
    what: `import ${image} from container storage`,
    goodRatio: 1,
    prepare: async () => {},
    repository: 'import',
    arguments: (_, { directStorage }) => [
      'oci',
      'pull',
      ...directStorage,
      `containers-storage:${image}`,
      'bench',
      '--bootable',
    ],
  },
  'image-id': ofImage('boot-image-id'),
  gc: ofImage('gc'),
  fsck: ofImage('fsck'),
  'files-oci': {
    what: `import ${filesText} from an OCI layout`,
    goodRatio: 1,
    prepare: makeFilesLayout,
    repository: 'import',
    arguments: pullTree('files'),
  },
  'files-image-id': ofFiles('image-id'),
  'files-gc': ofFiles('gc'),
  'files-fsck': ofFiles('fsck'),
  files: {
    what: `create-image of ${filesText}`,
    goodRatio: 1.5,
    prepare: makeFiles,
    repository: 'import',
    arguments: (folder) => ['create-image', join(folder, 'files')],
  },
  'files-id': {
    what: `compute-id of ${filesText}`,
    goodRatio: 1.5,
    prepare: makeFiles,
    repository: 'none',
    arguments: (folder) => ['compute-id', join(folder, 'files')],
  },
  inodes: {
    what: 'compute-id of a tree of 200,000 inodes',
    goodRatio: 1.5,
    prepare: makeInodes,
    repository: 'none',
    arguments: (folder) => ['compute-id', join(folder, 'inodes')],
  },
  'inodes-image-id': ofInodes('image-id'),
  'inodes-gc': ofInodes('gc'),
  'inodes-fsck': ofInodes('fsck'),
};

function pullLayout(folder: string): string[] {
  return ['oci', 'pull', `oci:${join(folder, 'image')}:bench`, 'bench', '--bootable'];
}

async function copyToLayout(folder: string): Promise<void> {
  const layout = join(folder, 'image');
  if (existsSync(layout)) return;
  await run(['skopeo', 'copy', '--quiet', `containers-storage:${image}`, `oci:${layout}:bench`], {
    step: `copy ${image} to an OCI layout (made by: just build)`,
  });
}

// Content that cannot be compressed, the same each time: a simple generator (xorshift), since its quality does not matter.
async function makeFiles(folder: string): Promise<void> {
  const root = join(folder, 'files');
  if (existsSync(root)) return;
  await mkdir(join(root, 'usr'), { recursive: true });
  const words = new Uint32Array(fileBytes / 4);
  let state = 2_463_534_242;
  for (let i = 0; i < filesCount; i++) {
    for (let at = 0; at < words.length; at++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      words[at] = state;
    }
    const directory = join(root, 'usr', String(i % 100));
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, `file-${i}`), words);
  }
}

async function makeFilesLayout(folder: string): Promise<void> {
  await makeFiles(folder);
  await makeLayout(folder, 'files');
}

async function makeInodesLayout(folder: string): Promise<void> {
  await makeInodes(folder);
  await makeLayout(folder, 'inodes');
}

async function makeLayout(folder: string, tree: Tree): Promise<void> {
  const layout = join(folder, `${tree}-layout`);
  if (existsSync(layout)) return;
  const archive = join(folder, `${tree}.tar`);
  await run(['tar', '--create', '--file', archive, '--directory', join(folder, tree), '.'], {
    step: `pack ${tree}`,
    timeoutMs: 600_000,
  });
  const directory = join(folder, `${tree}-dir`);
  await makeDirImage(directory, archive);
  await run(['skopeo', 'copy', '--quiet', `dir:${directory}`, `oci:${layout}:bench`], {
    step: 'make an OCI layout',
    timeoutMs: 600_000,
  });
  await rm(directory, { recursive: true });
}

// A `dir:` image of one plain layer (containers-transports(5)).
async function makeDirImage(directory: string, archive: string): Promise<void> {
  await mkdir(directory);
  const digestOf = async (path: string) =>
    (await run(['sha256sum', path], { step: 'hash' })).stdout.split(' ')[0] as string;
  const layer = await digestOf(archive);
  await run(['mv', archive, join(directory, layer)], { step: 'place the layer' });
  const rootfs = { type: 'layers', diff_ids: [`sha256:${layer}`] };
  const config = JSON.stringify({ architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', os: 'linux', rootfs });
  await writeFile(join(directory, 'config'), config);
  const configDigest = await digestOf(join(directory, 'config'));
  await run(['mv', join(directory, 'config'), join(directory, configDigest)], { step: 'place the configuration' });
  const { size } = await (await import('node:fs/promises')).stat(join(directory, layer));
  const type = 'application/vnd.oci.image';
  const manifest = {
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: { mediaType: `${type}.config.v1+json`, digest: `sha256:${configDigest}`, size: config.length },
    layers: [{ mediaType: `${type}.layer.v1.tar`, digest: `sha256:${layer}`, size }],
  };
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest));
  await writeFile(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
}

async function makeInodes(folder: string): Promise<void> {
  const root = join(folder, 'inodes');
  if (existsSync(root)) return;
  for (let i = 0; i < 2000; i++) {
    const directory = join(root, 'usr', String(i % 40), String(i));
    await mkdir(directory, { recursive: true });
    await Promise.all(Array.from({ length: 99 }, (_, j) => writeFile(join(directory, `f${j}`), `${i} ${j}`)));
  }
}
