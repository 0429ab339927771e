import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stopAtEveryMutation } from '../../../composefs/src/durable/stop.testing.ts';
import { kernelFolderName, kernelsDirectory } from '../boot/names.ts';
import { restoreKernels } from './restore-kernels.ts';

const artifactName = 'a'.repeat(128);

test.each([
  ['systemd', { vmlinuz: 'damaged', initrd: 'initrd' }],
  ['grub', { vmlinuz: 'kernel' }],
  ['systemd', undefined],
] as const)('a kernel folder for %s is %j or restored, wherever it is stopped', async (bootloader, before) => {
  const directory = mkdtempSync(join(tmpdir(), 'restore-kernels-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const boot = { bootDirectory: directory, espDirectory: directory, bootloader };
  const path = join(kernelsDirectory(directory, bootloader), kernelFolderName(artifactName));
  mkdirSync(dirname(path), { recursive: true });
  const content = (): Record<string, string> | undefined =>
    readdirSync(dirname(path)).includes(kernelFolderName(artifactName))
      ? Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name), 'utf8')]))
      : undefined;
  const restored = { vmlinuz: 'kernel', initrd: 'initrd' };
  const restore = (): Promise<void> =>
    restoreKernels({ boot }, [
      { artifactName, path, kernel: Buffer.from(restored.vmlinuz), initrd: Buffer.from(restored.initrd) },
    ]);

  const stops = await stopAtEveryMutation({
    prepare() {
      for (const name of readdirSync(dirname(path))) rmSync(join(dirname(path), name), { recursive: true });
      if (before === undefined) return;
      mkdirSync(path);
      for (const [name, text] of Object.entries(before)) writeFileSync(join(path, name), text);
    },
    act: restore,
    async afterStop() {
      expect([before, restored]).toContainEqual(content());
      await restore();
      expect(content()).toEqual(restored);
      expect(readdirSync(dirname(path))).toEqual([kernelFolderName(artifactName)]);
    },
  });
  // What takes the place is on disk before it does so, and has taken it on disk before the old one goes.
  const commit = before === undefined ? 'rename' : 'exchange';
  const at = stops.lastIndexOf(commit);
  expect(stops.slice(at - 1, at + 3)).toEqual(['syncfs', commit, 'fsync', 'syncfs']);
  expect(stops.slice(0, at)).not.toContain('unlink');
  expect(stops.slice(0, at)).not.toContain('rmdir');
});
