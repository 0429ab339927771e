import { lstat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { run } from '@workbench/run';
import { walkRoot } from '../container/lint/walk-root.ts';
import { mountAt, readMountTable } from '../storage/mount-table.ts';
import { pathExists } from '../storage/optional-file.ts';

/** Arguments of one command; the kernel takes some megabytes of them. */
const pathsAtOnce = 500;

/** Mount points that may be overlays in memory. */
const overlayPlaces = ['/', '/etc', '/var'];

/**
 * `bootc internals relabel`: gives everything at a path the SELinux labels that the policy of the running system has for it, or for
 * another path. Does nothing where SELinux is off.
 */
export async function relabel(path: string, options: { asPath: string | undefined }): Promise<void> {
  if (!(await pathExists('/sys/fs/selinux/enforce'))) return;
  const root = resolve(path);
  const paths = [root];
  if ((await lstat(root)).isDirectory()) {
    await walkRoot(root, '.', ({ realPath }) => {
      paths.push(realPath.toString('utf8'));
      return true;
    });
  }
  const asPath = options.asPath ?? root;
  for (let start = 0; start < paths.length; start += pathsAtOnce) {
    await labelSome(paths.slice(start, start + pathsAtOnce), (one) => join(asPath, one.slice(root.length)));
  }
}

async function labelSome(paths: readonly string[], nameOf: (path: string) => string): Promise<void> {
  const { stdout } = await run(['matchpathcon', '-n', ...paths.map(nameOf)], { step: 'look up SELinux labels' });
  const labels = stdout.trimEnd().split('\n');
  const byLabel = Map.groupBy(paths, (_, index) => labels[index] ?? '<<none>>');
  for (const [label, labelled] of byLabel) {
    if (label === '<<none>>') continue;
    await run(['chcon', '--no-dereference', label, ...labelled], { step: `set the SELinux label ${label}` });
  }
}

/**
 * `bootc internals relabel-overlay-mountpoints`: labels `/`, `/etc` and `/var` themselves where they are overlays that can be written
 * to: what they begin with in memory has no label.
 */
export async function relabelOverlayMountPoints(): Promise<void> {
  if (!(await pathExists('/sys/fs/selinux/enforce'))) return;
  const mounts = await readMountTable('/');
  for (const place of overlayPlaces) {
    const mount = mountAt(mounts, place);
    if (mount?.filesystem === 'overlay' && !mount.options.includes('ro')) await labelSome([place], (path) => path);
  }
}
