import { join } from 'node:path';
import type { Directory, Repository } from '@workbench/composefs';
import { fileOfEntry } from '../storage/boot-entries.ts';
import { pathExists } from '../storage/optional-file.ts';
import type { DeploymentRecord, RootModel } from '../storage/root-model.ts';

/** What has to be read to tell whether userspace may be restarted into a deployment, beside the root model. */
export interface SoftRebootFacts {
  isSelinuxEnabled: boolean;
  /**
   * With SELinux: what tells the policies of images apart, by deployment; the empty text for an image without a policy. One that
   * is not there could not be read.
   */
  policies?: ReadonlyMap<string, string>;
  /** The command lines inside unified kernel images, by deployment. */
  commandLines?: ReadonlyMap<string, string>;
}

/** What the facts are read from. */
export interface SoftRebootSource {
  root: string;
  openRepository(): Promise<Repository>;
}

/** Reads the facts for the deployments that have the kernel of the booted one; for others the answer is known. Never rejects. */
export async function readSoftRebootFacts(model: RootModel, source: SoftRebootSource): Promise<SoftRebootFacts> {
  const isSelinuxEnabled = await pathExists(join(source.root, 'sys/fs/selinux/enforce'));
  const bootDigest = model.deployments.get(model.host.deploymentId)?.origin?.bootDigest;
  const candidates = [...model.deployments.values()].filter(
    ({ origin, entries }) => entries.length > 0 && bootDigest !== undefined && origin?.bootDigest === bootDigest,
  );
  const commandLines = await readCommandLines(model, candidates);
  if (candidates.length < 2 || !isSelinuxEnabled) return { isSelinuxEnabled, commandLines };
  return { isSelinuxEnabled, commandLines, policies: await readPolicies(candidates, source) };
}

async function readCommandLines(
  model: RootModel,
  candidates: readonly DeploymentRecord[],
): Promise<Map<string, string>> {
  const commandLines = new Map<string, string>();
  for (const { id, entries } of candidates) {
    const target = entries[0]?.entry.target;
    if (target?.kind !== 'efi') continue;
    const [{ windowOfFile }, { readUnifiedKernel }] = await Promise.all([
      import('../uki/byte-window.ts'),
      import('../uki/unified-kernel.ts'),
    ]);
    try {
      using file = windowOfFile(fileOfEntry(target.path, model.boot));
      commandLines.set(id, readUnifiedKernel(file, target.path).commandLine);
    } catch {
      // That it is missing or damaged is told by the boot entries, and by fsck.
    }
  }
  return commandLines;
}

async function readPolicies(
  candidates: readonly DeploymentRecord[],
  source: SoftRebootSource,
): Promise<Map<string, string>> {
  const policies = new Map<string, string>();
  const { readImagePart, readFileNode } = await import('@workbench/composefs');
  for (const { id } of candidates) {
    try {
      const repository = await source.openRepository();
      const tree = readImagePart(repository, id, ['etc/selinux']);
      policies.set(id, await policyOf(tree, async (file) => (await readFileNode(repository, file)).toString('utf8')));
    } catch {
      // Then nothing is known of it, and the answer is no.
    }
  }
  return policies;
}

type FileNode = Parameters<typeof import('@workbench/composefs').readFileNode>[1];

/**
 * What tells the SELinux policy of an image apart from others: the digest of the file that selinux_config(5) leads to, of the highest
 * version. The empty text when the image has no policy.
 */
export async function policyOf(tree: Directory, readText: (file: FileNode) => Promise<string>): Promise<string> {
  const selinux = childOf(childOf(tree, 'etc'), 'selinux');
  const config = selinux?.entries.get('config');
  if (config?.type !== 'file') return '';
  const type = /^\s*SELINUXTYPE\s*=\s*(\S+)/m.exec(await readText(config))?.[1];
  const folder = childOf(type === undefined ? undefined : childOf(selinux, type), 'policy');
  const [highest] = [...(folder?.entries ?? [])]
    .flatMap(([name, node]) => {
      const version = /^policy\.(\d+)$/.exec(name)?.[1];
      return version === undefined || node.type !== 'file' ? [] : [{ version: Number(version), node }];
    })
    .sort((a, b) => b.version - a.version);
  if (highest === undefined) return '';
  const { content } = highest.node;
  if (content.kind === 'external') return content.digest;
  return content.kind === 'inline' ? Buffer.from(content.data).toString('hex') : `zeros ${content.sizeBytes}`;
}

function childOf(directory: Directory | undefined, name: string): Directory | undefined {
  const node = directory?.entries.get(name);
  return node?.type === 'directory' ? node : undefined;
}
