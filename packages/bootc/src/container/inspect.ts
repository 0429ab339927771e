import { readdir, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { CodedError } from '@workbench/run';
import { configurationArchitecture } from '../boot/architecture.ts';
import { kernelArgumentsOfFiles, readKargsFiles } from '../boot/kargs-d.ts';
import { requireRootfs } from './rootfs.ts';

/** How an inspection is printed. */
export type InspectFormat = 'humanreadable' | 'yaml' | 'json';

/** What an image boots with. */
export interface ImageInspection {
  /** Parameters of its kargs.d. */
  kargs: readonly string[];
  kernel: InspectedKernel | null;
}

/** The kernel of an image: a unified kernel image is named by its file, another by its folder of modules. */
export interface InspectedKernel {
  version: string;
  unified: boolean;
}

/** Kernel and kernel arguments of the image at a root, as text with a newline at its end. */
export async function inspectImage(root: string, format: InspectFormat): Promise<string> {
  return formatInspection(await readInspection(root), format);
}

/**
 * Reads what an image boots with.
 *
 * @throws CodedError `ROOTFS_INVALID` when there is no folder at the root; `SEVERAL_KERNELS`; `KARGS_FILE_INVALID`.
 */
export async function readInspection(root: string): Promise<ImageInspection> {
  await requireRootfs(root);
  const kargs = kernelArgumentsOfFiles(await readKargsFiles(root), configurationArchitecture());
  return { kargs, kernel: await findInspectedKernel(root) };
}

async function findInspectedKernel(root: string): Promise<InspectedKernel | null> {
  const unified = (await namesIn(join(root, 'boot/EFI/Linux'))).find((name) => name.endsWith('.efi'));
  if (unified !== undefined) return { version: parse(unified).name, unified: true };
  const modules = join(root, 'usr/lib/modules');
  const versions: string[] = [];
  for (const name of await namesIn(modules)) {
    const kernel = await stat(join(modules, name, 'vmlinuz')).catch(() => undefined);
    if (kernel?.isFile() === true) versions.push(name);
  }
  const [version, ...more] = versions;
  if (version === undefined) return null;
  if (more.length > 0) {
    throw new CodedError('SEVERAL_KERNELS', `the image has several kernels: ${versions.join(', ')}`, {
      hint: 'remove all but one folder with a vmlinuz from usr/lib/modules',
    });
  }
  return { version, unified: false };
}

/** The inspection in one of its formats, a newline at the end. */
export async function formatInspection(inspection: ImageInspection, format: InspectFormat): Promise<string> {
  if (format === 'json') return `${JSON.stringify(inspection, undefined, 2)}\n`;
  if (format === 'yaml') return (await import('../deployment/yaml-text.ts')).formatYaml(inspection);
  const { kargs, kernel } = inspection;
  const rows = [
    ['Kernel', kernel?.version ?? '<none>'],
    ...(kernel === null ? [] : [['Type', kernel.unified ? 'UKI' : 'vmlinuz']]),
    ['Kargs', kargs.length === 0 ? '<none>' : kargs.join(' ')],
  ] as const;
  return rows.map(([name, value]) => `${name?.padStart(6)}: ${value}\n`).join('');
}

async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  return names.sort();
}
