import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { formatStagedDeployment } from '../deployment/staged-deployment.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { type MockInstallation, makeMockInstallation } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { planSystemGc, type SystemGcPlan } from './plan.ts';

/** One deployment of a random system; each part of it may be missing. */
interface Part {
  isActive: boolean;
  isStaged: boolean;
  hasState: boolean;
  hasOrigin: boolean;
  hasKernel: boolean;
  /** Boots the kernel of this deployment. */
  kernelOf: number;
}

const count = 5;
const idOf = (index: number): string => String(index).repeat(128);
const booted: Part = { isActive: true, isStaged: false, hasState: true, hasOrigin: true, hasKernel: true, kernelOf: 0 };

const part = fc.record({
  isActive: fc.boolean(),
  isStaged: fc.boolean(),
  hasState: fc.boolean(),
  hasOrigin: fc.boolean(),
  hasKernel: fc.boolean(),
  kernelOf: fc.nat(count - 1),
});
const system = fc.record({
  others: fc.array(part, { minLength: count - 1, maxLength: count - 1 }),
  stagedRecord: fc.option(fc.nat(count - 1)),
});

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function kernelPath(mock: MockInstallation, index: number): string {
  return join(mock.boot.espDirectory, `EFI/Linux/bootc_composefs-${idOf(index)}`);
}

function plant(mock: MockInstallation, parts: readonly Part[], stagedRecord: number | null): void {
  parts.forEach((deployment, index) => {
    const id = idOf(index);
    const folder = `/EFI/Linux/bootc_composefs-${idOf(deployment.kernelOf)}`;
    const entry = formatBlsEntry({
      version: id,
      target: { kind: 'linux', linux: `${folder}/vmlinuz`, initrds: [`${folder}/initrd`], options: `composefs=${id}` },
      sortKey: `bootc-x-${index}`,
    });
    if (deployment.isActive) put(join(mock.boot.bootDirectory, `loader/entries/bootc_x-${id}-0.conf`), entry);
    if (deployment.isStaged) put(join(mock.boot.bootDirectory, `loader/entries.staged/bootc_x-${id}-0.conf`), entry);
    const paths = deploymentPaths(mock.physicalRoot, id);
    if (deployment.hasState) mkdirSync(paths.etc, { recursive: true });
    if (deployment.hasState && deployment.hasOrigin) {
      put(paths.origin, formatOrigin({ bootType: 'bls', manifestDigest: `sha256:${index}` }));
    }
    if (deployment.hasKernel) {
      for (const file of ['vmlinuz', 'initrd']) put(join(kernelPath(mock, index), file), '');
    }
  });
  if (stagedRecord !== null) {
    const record = formatStagedDeployment({ deploymentId: idOf(stagedRecord), isFinalizationLocked: false });
    put(join(mock.root, 'run/composefs/staged-deployment'), record);
  }
}

async function plan(mock: MockInstallation): Promise<SystemGcPlan> {
  return planSystemGc(await buildRootModel(mock), {
    root: mock.root,
    physicalRoot: mock.physicalRoot,
    tags: new Map(Array.from({ length: count }, (_, index) => [`localhost/bootc-sha256:${index}`, `sha256:${index}`])),
    hasErofsImage: async () => true,
  });
}

test('whatever is on the disk: nothing that can boot is removed, and a second run finds nothing', async () => {
  await fc.assert(
    fc.asyncProperty(system, async ({ others, stagedRecord }) => {
      const parts = [booted, ...others];
      const mock = makeMockInstallation({ bootedId: idOf(0) });
      try {
        plant(mock, parts, stagedRecord);
        const first = await plan(mock);
        const removed = first.removals.map((removal) => removal.path);
        const isRemoved = (path: string): boolean =>
          removed.some((candidate) => path === candidate || path.startsWith(`${candidate}/`));
        parts.forEach((deployment, index) => {
          const isStagedWhole = stagedRecord !== null && parts[stagedRecord]!.isStaged && parts[stagedRecord]!.hasState;
          if (!deployment.hasState || !(deployment.isActive || (deployment.isStaged && isStagedWhole))) return;
          expect(isRemoved(deploymentPaths(mock.physicalRoot, idOf(index)).directory)).toBe(false);
          expect(isRemoved(kernelPath(mock, deployment.kernelOf))).toBe(false);
          expect(first.additionalRoots).toContain(idOf(index));
          const isTagged = first.toRemove.some((tag) => tag.manifestDigest === `sha256:${index}`);
          if (deployment.hasOrigin) expect(isTagged).toBe(false);
        });
        for (const path of removed) rmSync(path, { recursive: true });
        const second = await plan(mock);
        expect(second.removals).toEqual([]);
        expect(second.kept).toEqual(first.kept);
      } finally {
        rmSync(mock.directory, { recursive: true });
      }
    }),
    { numRuns: 150 },
  );
});
