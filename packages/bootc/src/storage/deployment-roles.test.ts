import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { formatBlsEntry } from '../boot/bls-entry.ts';
import { arrangeEntries, kernelEntry, unifiedKernelEntry } from '../boot/deployment-entries.ts';
import type { Bootloader } from '../boot/names.ts';
import { formatOrigin } from '../deployment/origin.ts';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { buildHostDocument } from '../status/build-host-document.ts';
import { type MockInstallation, makeMockInstallation } from './mock-installation.ts';
import { buildRootModel } from './root-model.ts';

const booted = 'b0'.repeat(64);
const other = '07'.repeat(64);

function put(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A system with two deployments whose entries are in this order in the menu; each with the version of its system. */
function install(
  { bootloader, bootType }: { bootloader: Bootloader; bootType: 'bls' | 'uki' },
  order: readonly (readonly [id: string, version: string])[],
): MockInstallation {
  const mock = makeMockInstallation({ bootedId: booted, bootloader });
  onTestFinished(() => rmSync(mock.directory, { recursive: true }));
  for (const [id] of order) put(deploymentPaths(mock.physicalRoot, id).origin, formatOrigin({ bootType }));
  if (bootloader === 'grub' && bootType === 'uki') {
    // As bootc 1.16 writes it, and what a person has added.
    const entries = order.map(
      ([id]) => `menuentry "Test: (${id})" {\nchainloader /EFI/Linux/bootc/bootc_composefs-${id}.efi\n}\n`,
    );
    const own = 'menuentry "Other system" {\nchainloader /EFI/other/grubx64.efi\n}\n';
    put(join(mock.boot.bootDirectory, 'grub2/user.cfg'), [own, ...entries].join(''));
    return mock;
  }
  const entries = order.map(([id, version]) => {
    const naming = { osId: 'test', title: 'Test', version };
    return bootType === 'uki'
      ? unifiedKernelEntry({ naming, deploymentId: id, bootloader, systemdVersion: 257 })
      : kernelEntry({
          naming,
          artifactName: id,
          kernelArguments: [`composefs=${id}`],
          bootloader,
          bootIsMount: false,
        });
  });
  for (const { fileName, entry } of arrangeEntries(entries, { osId: 'test', bootloader })) {
    put(join(mock.boot.bootDirectory, 'loader/entries', fileName), formatBlsEntry(entry));
  }
  return mock;
}

test.each([
  { bootloader: 'systemd', bootType: 'bls' },
  { bootloader: 'systemd', bootType: 'uki' },
  { bootloader: 'grub-cc', bootType: 'bls' },
  { bootloader: 'grub-cc', bootType: 'uki' },
  { bootloader: 'grub', bootType: 'bls' },
  { bootloader: 'grub', bootType: 'uki' },
] as const)(
  'a rollback is queued when the menu begins with the other deployment, and only then: $bootloader, $bootType',
  async (layout) => {
    for (const [ofBooted, ofOther] of [
      ['9', '10'],
      ['10', '9'],
      ['10', '10'],
    ] as const) {
      const places = [
        [booted, ofBooted],
        [other, ofOther],
      ] as const;
      for (const [order, isQueued] of [
        [places, false],
        [places.toReversed(), true],
      ] as const) {
        const model = await buildRootModel(install(layout, order));
        const { spec, status } = buildHostDocument(model, { mounts: [], isReadOnly: false, isSelinuxEnabled: false });
        expect(status.rollback?.composefs.verity).toBe(other);
        expect([status.rollbackQueued, spec.bootOrder]).toEqual([isQueued, isQueued ? 'rollback' : 'default']);
      }
    }
  },
);
