import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installBootloader } from './bootloader.ts';
import { attachLoop, mountAt } from './mounts.ts';

// A bootupctl that writes down what it is told and sees, run in an image that is this system with some more files.
let cleanup: AsyncDisposableStack;
let folder: string;
let disk: string;
const at = (...names: string[]) => join(folder, ...names);
beforeEach(async () => {
  cleanup = new AsyncDisposableStack();
  folder = mkdtempSync(join(tmpdir(), 'bootupd-'));
  cleanup.defer(() => rmSync(folder, { recursive: true }));
  await run(['truncate', '-s', '64M', at('disk')], { step: 'make a disk' });
  const loop = cleanup.use(await attachLoop(at('disk')));
  disk = loop.device;
  await run(['mkfs.ext4', '-q', disk], { step: 'make a file system' });
  cleanup.use(await mountAt(disk, at('root'), { type: 'ext4' }));
  mkdirSync(at('root/boot'));
  // The upper layer of an overlay cannot be on one.
  cleanup.use(await mountAt('tmpfs', at('layers'), { type: 'tmpfs' }));
  for (const name of ['upper/usr/lib/bootupd/updates', 'upper/usr/bin', 'upper/sysroot', 'work']) {
    mkdirSync(at('layers', name), { recursive: true });
  }
  const layers = [`lowerdir=/`, `upperdir=${at('layers/upper')}`, `workdir=${at('layers/work')}`];
  cleanup.use(await mountAt('overlay', at('image'), { type: 'overlay', options: layers }));
});
afterEach(() => cleanup.disposeAsync());

function plantBootupctl(help: string): void {
  const script = `#!/bin/sh -e
case "$*" in
    *--help) echo "${help}" ;;
    *) echo "$@" >/boot/told; ls -d /dev/null /proc/self /sys/block /sysroot/boot/told >/boot/seen ;;
esac
`;
  writeFileSync(at('image/usr/bin/bootupctl'), script);
  chmodSync(at('image/usr/bin/bootupctl'), 0o755);
}

const install = (skipsBootUuid = false) =>
  installBootloader({
    decision: { bootloader: 'grub', isGenericImage: true, ...(skipsBootUuid ? { skipsBootUuid } : {}) },
    imageRoot: at('image'),
    rootMount: at('root'),
    espMount: at('esp'),
  });

test('grub of an image with bootupd is installed by that, which sees the physical root and the devices', async () => {
  plantBootupctl('--filesystem <FILESYSTEM>');
  await install();
  expect(readFileSync(at('root/boot/told'), 'utf8')).toBe('backend install --write-uuid --filesystem /sysroot /\n');
  expect(readFileSync(at('root/boot/seen'), 'utf8').split('\n')).toEqual([
    '/dev/null',
    '/proc/self',
    '/sys/block',
    '/sysroot/boot/told',
    '',
  ]);
  // Nothing stays mounted in the image.
  expect(readdirSync(at('image/sysroot'))).toEqual([]);
});

test('an older bootupd is told of the disk', async () => {
  plantBootupctl('--device <DEVICE>');
  await install(true);
  expect(readFileSync(at('root/boot/told'), 'utf8')).toBe(`backend install --with-static-configs --device ${disk} /\n`);
});
