import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { foreseenBootBytes, reclaimableBootBytes } from './boot-space.ts';
import { switchTo } from './switch.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf, type UpdateSystem } from './update-system.testing.ts';

const folder = dirSync({ unsafeCleanup: true });
let system: UpdateSystem;
beforeAll(async () => {
  system = await makeUpdateSystem(writeImageLayout(join(folder.name, '1'), bootableFiles('1')));
});
afterAll(() => {
  rmSync(system.directory, { recursive: true });
  folder.removeCallback();
});
const model = () => system.use(buildRootModel);

/** An unpacked layer with a kernel, or a part of one. */
function layer(name: string, files: Readonly<Record<string, string>>): string {
  const directory = join(folder.name, name, 'usr/lib/modules/6.12');
  mkdirSync(directory, { recursive: true });
  for (const [file, content] of Object.entries(files)) writeFileSync(join(directory, file), content);
  return join(folder.name, name);
}

test('the kernel of unpacked layers is foreseen: the topmost files count, and one that is there already costs nothing', async () => {
  const base = layer('base', { vmlinuz: 'kernel', 'initramfs.img': 'initrd' });
  const top = layer('top', { 'initramfs.img': 'another initrd' });
  expect(await foreseenBootBytes([base], await model(), 0)).toBe(0);
  expect(await foreseenBootBytes([top, base], await model(), 0)).toBe('kernel'.length + 'another initrd'.length);
  // With room for it, it does not matter whether it is there.
  expect(await foreseenBootBytes([base], await model(), 1000)).toBe('kernel'.length + 'initrd'.length);
  expect(await foreseenBootBytes([top], await model(), 0)).toBeUndefined();
  expect(await foreseenBootBytes([], await model(), 0)).toBeUndefined();
});

test('a kernel that a layer above removes does not count, and a unified kernel image counts instead of the kernel', async () => {
  const old = layer('old', { vmlinuz: 'an old kernel', 'initramfs.img': 'its initrd' });
  const newer = join(folder.name, 'newer');
  const version = join(newer, 'usr/lib/modules/6.13');
  mkdirSync(version, { recursive: true });
  for (const [file, content] of [
    ['vmlinuz', 'new'],
    ['initramfs.img', 'er'],
  ] as const) {
    writeFileSync(join(version, file), content);
  }
  expect(await foreseenBootBytes([newer, old], await model(), 0)).toBe('an old kernelits initrd'.length);
  // What overlayfs takes for removed: a character device 0:0.
  await run(['mknod', join(newer, 'usr/lib/modules/6.12'), 'c', '0', '0'], { step: 'remove a folder' });
  expect(await foreseenBootBytes([newer, old], await model(), 0)).toBe('newer'.length);
  const sealed = join(folder.name, 'sealed');
  mkdirSync(join(sealed, 'boot/EFI/Linux'), { recursive: true });
  writeFileSync(join(sealed, 'boot/EFI/Linux/6.13.efi'), 'unified kernel');
  expect(await foreseenBootBytes([sealed, newer, old], await model(), 0)).toBe('unified kernel'.length);
});

test('what was not written to its end can be given up', async () => {
  const unfinished = join(system.boot.espDirectory, 'EFI/Linux', `bootc_composefs-${'a'.repeat(128)}.new`);
  mkdirSync(unfinished);
  writeFileSync(join(unfinished, 'vmlinuz'), 'half of a ker');
  expect(await reclaimableBootBytes(await model())).toBe('half of a ker'.length);
  rmSync(unfinished, { recursive: true });
});

test('what only the staged deployment boots can be given up for another one', async () => {
  expect(await reclaimableBootBytes(await model())).toBe(0);
  const other = writeImageLayout(join(folder.name, '2'), bootableFiles('2', 'second kernel'));
  await system.use((storage) => switchTo(storage, targetOf(other), recordingEnvironment()));
  expect(await reclaimableBootBytes(await model())).toBe('second kernel'.length + 'initrd'.length);
});
