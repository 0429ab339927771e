import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { buildRootModel } from '../storage/root-model.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { foreseenKernelBytes, reclaimableBootBytes } from './boot-space.ts';
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
  expect(await foreseenKernelBytes([base], await model(), 0)).toBe(0);
  expect(await foreseenKernelBytes([top, base], await model(), 0)).toBe('kernel'.length + 'another initrd'.length);
  // With room for it, it does not matter whether it is there.
  expect(await foreseenKernelBytes([base], await model(), 1000)).toBe('kernel'.length + 'initrd'.length);
  expect(await foreseenKernelBytes([top], await model(), 0)).toBeUndefined();
  expect(await foreseenKernelBytes([], await model(), 0)).toBeUndefined();
});

test('what only the staged deployment boots can be given up for another one', async () => {
  expect(await reclaimableBootBytes(await model())).toBe(0);
  const other = writeImageLayout(join(folder.name, '2'), bootableFiles('2', 'second kernel'));
  await system.use((storage) => switchTo(storage, targetOf(other), recordingEnvironment()));
  expect(await reclaimableBootBytes(await model())).toBe('second kernel'.length + 'initrd'.length);
});
