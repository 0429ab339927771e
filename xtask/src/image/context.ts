import { createHash } from 'node:crypto';
import { cp, lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { workspaceRoot } from '../settings/workspace.ts';
import { inspectImage } from './podman.ts';

/** What the Containerfile copies from, and what its steps depend on beyond that. */
export interface BuildContext {
  folder: string;
  /** Digest of the base and of all that configures the system. */
  systemInputs: string;
  /** Digest of all that the image is made of. */
  inputs: string;
}

const scripts = ['configure.sh', 'machine-data.sh', 'kernel.sh', 'seal.sh'];

/**
 * Lays out one folder a layer, with the times that the files have at their source: podman's cache looks at both. What a step
 * sees in a mount it does not look at, so that is summed up in digests.
 */
export async function assembleContext(options: {
  base: string;
  logFile: string;
  signal: AbortSignal;
}): Promise<BuildContext> {
  const { base, logFile, signal } = options;
  const folder = join(workspaceRoot, 'target/image/context');
  const parts: readonly [from: string, to: string, ...options: string[]][] = [
    ['images/rootfs/', 'system/'],
    ['packages/bootc/rootfs/usr/lib/dracut/', 'system/usr/lib/dracut/'],
    ['target/guest/usr/lib/bootc/node', 'runtime/usr/lib/bootc/'],
    ['packages/bootc/rootfs/', 'program/', '--exclude=/usr/lib/dracut'],
    ['target/guest/', 'program/', '--exclude=/usr/lib/bootc/node'],
  ];
  await rm(folder, { recursive: true, force: true });
  for (const [from, to, ...exclude] of parts) {
    await mkdir(join(folder, to), { recursive: true });
    await run(['rsync', '--archive', ...exclude, from, join(folder, to)], {
      step: 'lay out the build context',
      cwd: workspaceRoot,
      logFile,
      signal,
    });
  }
  for (const script of scripts) {
    await cp(join(workspaceRoot, 'images', script), join(folder, script), { preserveTimestamps: true });
  }
  const baseId = (await inspectImage(base, signal))?.id ?? base;
  const digestOf = async (...names: string[]): Promise<string> => {
    const hash = createHash('sha256').update(baseId);
    for (const name of names) await hashTree(hash, folder, name);
    return hash.digest('hex');
  };
  return {
    folder,
    systemInputs: await digestOf('system', ...scripts),
    inputs: await digestOf('system', 'runtime', 'program', ...scripts),
  };
}

async function hashTree(hash: ReturnType<typeof createHash>, folder: string, name: string): Promise<void> {
  const path = join(folder, name);
  const stats = await lstat(path);
  if (stats.isDirectory()) {
    for (const child of (await readdir(path)).sort()) await hashTree(hash, folder, `${name}/${child}`);
    return;
  }
  // A link leads somewhere in the image, not here.
  const content = stats.isSymbolicLink()
    ? await readlink(path)
    : createHash('sha256')
        .update(await readFile(path))
        .digest('hex');
  hash.update(JSON.stringify([name, content]));
}
