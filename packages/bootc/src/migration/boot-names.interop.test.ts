import { cpSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { expect, test } from 'vitest';
import { mountAt } from '../install/mounts.ts';
import { isDone, planBootNames } from './boot-name-plan.ts';
import { expectBootable, install, pathsOfKernels, twoKernels } from './boot-names.testing.ts';
import { migrateBootNames } from './boot-names.ts';
import { bootedId, formerId, legacyLayouts, listFiles } from './legacy-installation.testing.ts';

const kernelBytes = 600 << 10;

test.each(legacyLayouts)(
  '%s: as long as there is no room for a copy all stays as it is; room for one is enough',
  async (layout) => {
    const mock = install(layout, twoKernels);
    for (const path of await pathsOfKernels(mock)) {
      if (layout.endsWith('bls')) writeFileSync(join(path, 'vmlinuz'), Buffer.alloc(kernelBytes, path));
      else if (path.endsWith('.efi')) writeFileSync(path, Buffer.alloc(kernelBytes, path));
    }
    const partition = layout === 'grub-bls' ? mock.boot.bootDirectory : mock.boot.espDirectory;
    cpSync(partition, `${partition}-content`, { recursive: true });
    const sizes = { full: kernelBytes * 2.5, roomy: kernelBytes * 3.5 };
    await using _mount = await mountAt('tmpfs', partition, { type: 'tmpfs', options: [`size=${sizes.full}`] });
    cpSync(`${partition}-content`, partition, { recursive: true });
    rmSync(`${partition}-content`, { recursive: true });

    const before = listFiles(mock.directory);
    await expect(migrateBootNames(mock)).rejects.toMatchObject({ code: 'BOOT_PARTITION_FULL' });
    expect(listFiles(mock.directory)).toEqual(before);
    await expectBootable(mock, [bootedId, formerId]);

    await run(['mount', '-o', `remount,size=${sizes.roomy}`, partition], { step: 'make room' });
    await migrateBootNames(mock);
    await expectBootable(mock, [bootedId, formerId]);
    expect(isDone(await planBootNames(mock))).toBe(true);
    expect(
      readdirSync(partition, { recursive: true })
        .map(String)
        .filter((name) => name.endsWith('.new')),
    ).toEqual([]);
  },
);
