import { CodedError } from '@workbench/run';
import { findNode } from './find-node.ts';
import { emptyDirectoryOf, requireDirectory } from './image-transform.ts';
import { labelTree, type ReadFile, readPolicy } from './selinux-labels.ts';
import type { Directory } from './tree.ts';

/**
 * Turns the tree of a bootable image into the one that is mounted at boot, in place. `/boot` and `/sysroot` are emptied,
 * since the host's are mounted there, and take the time of `/usr`; every node gets the SELinux label of the image's own
 * policy, or none where it has no policy.
 *
 * Apply it after {@link transformImageTree}. What a boot loader needs of `/boot` has to be read before.
 *
 * @throws CodedError `TREE_NOT_A_ROOT` if `/boot`, `/sysroot` or `/usr` is no directory; `TREE_BOOT_ENTRY` if a boot entry is
 * no regular file; `SELINUX_POLICY` if the policy cannot be read; whatever `readFile` throws.
 */
export async function transformForBoot(root: Directory, readFile: ReadFile): Promise<void> {
  const { metadata } = requireDirectory(root, 'usr');
  checkBootEntries(root);
  for (const name of ['boot', 'sysroot']) emptyDirectoryOf(requireDirectory(root, name), metadata);
  labelTree(root, await readPolicy(root, readFile));
}

function checkBootEntries(root: Directory): void {
  const entries = findNode(root, 'boot/loader/entries');
  if (entries?.type !== 'directory') return;
  for (const [name, node] of entries.entries) {
    if (!name.endsWith('.conf') || node.type === 'file') continue;
    throw new CodedError('TREE_BOOT_ENTRY', `/boot/loader/entries/${name} of the image is a ${node.type}`, {
      hint: 'a boot entry has to be a regular file; remove it from the image',
    });
  }
}
