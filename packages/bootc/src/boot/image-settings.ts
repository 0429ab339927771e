import { type Directory, findNode, type Repository, readFileNode } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { configurationArchitecture } from './architecture.ts';
import { type KargsFile, kargsDirectory, kernelArgumentsOfFiles } from './kargs-d.ts';
import { type OsRelease, osReleasePaths, parseOsRelease } from './os-release.ts';

/**
 * The os-release(5) of an image.
 *
 * @throws CodedError `IMAGE_WITHOUT_OS_RELEASE`.
 */
export async function readOsRelease(repository: Repository, tree: Directory): Promise<OsRelease> {
  for (const path of osReleasePaths) {
    const text = await readTextFile(repository, tree, path);
    if (text !== undefined) return parseOsRelease(text);
  }
  throw new CodedError('IMAGE_WITHOUT_OS_RELEASE', `the image has none of ${osReleasePaths.join(', ')}`, {
    hint: 'build it from a base image of a distribution',
  });
}

/**
 * The kernel arguments in the kargs.d of an image, for this architecture.
 *
 * @throws CodedError `KARGS_FILE_INVALID`.
 */
export async function readImageKernelArguments(repository: Repository, tree: Directory): Promise<string[]> {
  const directory = findNode(tree, kargsDirectory);
  const names = directory?.type === 'directory' ? [...directory.entries.keys()] : [];
  const files: KargsFile[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith('.toml'))) {
    const text = await readTextFile(repository, tree, `${kargsDirectory}/${name}`);
    if (text !== undefined) files.push({ name, text });
  }
  return kernelArgumentsOfFiles(files, configurationArchitecture());
}

async function readTextFile(repository: Repository, tree: Directory, path: string): Promise<string | undefined> {
  const node = findNode(tree, path);
  return node?.type === 'file' ? (await readFileNode(repository, node)).toString('utf8') : undefined;
}
