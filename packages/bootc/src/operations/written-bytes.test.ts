import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { switchTo } from './switch.ts';
import { makeUpdateSystem, recordingEnvironment, targetOf } from './update-system.testing.ts';

/** Bytes that this process has handed to the kernel for writing (proc_pid_io(5)). */
function writtenBytes(): number {
  return Number(/^wchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
}

const changed = randomBytes(3 << 20).toString('base64');
const kernel = 'k'.repeat(300_000);
const initrd = 'i'.repeat(700_000);

test.each([
  { what: 'the kernel is shared', layer: {}, kernelBytes: 0 },
  {
    what: 'the kernel is another one',
    layer: { 'usr/lib/modules/6.12/vmlinuz': kernel, 'usr/lib/modules/6.12/initramfs.img': initrd },
    // Once as objects, once on the boot partition.
    kernelBytes: 2 * (kernel.length + initrd.length),
  },
])('one changed file costs no more than 1.2 times its size: $what', async ({ layer, kernelBytes }) => {
  const folder = dirSync({ unsafeCleanup: true });
  using _folder = { [Symbol.dispose]: () => folder.removeCallback() };
  const base: Record<string, string> = bootableFiles('1');
  for (let index = 0; index < 1000; index++) base[`usr/share/many/${index}`] = `${index}`.repeat(500);
  const system = await makeUpdateSystem(writeImageLayout(join(folder.name, 'base'), base));
  using _system = { [Symbol.dispose]: () => rmSync(system.directory, { recursive: true }) };
  const derived = writeImageLayout(join(folder.name, 'derived'), base, { 'usr/share/changed': changed, ...layer });

  const before = writtenBytes();
  await system.use((storage) => switchTo(storage, targetOf(derived), recordingEnvironment()));
  const written = writtenBytes() - before;
  expect(written).toBeGreaterThan(changed.length + kernelBytes);
  expect(written).toBeLessThan(1.2 * changed.length + kernelBytes);
  console.log(`written: ${written} bytes for ${changed.length} changed and ${kernelBytes} of the kernel`);
});
