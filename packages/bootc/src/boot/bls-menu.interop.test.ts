import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dir } from 'tmp-promise';
import { expect, test } from 'vitest';
import { formatBlsMenu, formatGrubStart } from './bls-menu.ts';

test('grub understands the menu, whatever is in titles and options', async () => {
  const { path, cleanup } = await dir({ unsafeCleanup: true });
  try {
    const options = `rw composefs=?ab dyndbg="file a.c +p" x=$y;{z} 'quoted' back\\slash #no-comment`;
    const target = { kind: 'linux', linux: '/boot/k/vmlinuz', initrds: ['/boot/k/initrd'], options } as const;
    const named = { fileName: 'bootc_1_x-9-1.conf', entry: { title: `Tom's {OS} $1`, version: '9', target } };
    writeFileSync(join(path, 'menu'), formatBlsMenu([named]));
    for (const [name, bootIsMount] of [
      ['start', false],
      ['start-of-separate-boot', true],
    ] as const) {
      writeFileSync(join(path, name), formatGrubStart({ filesystemUuid: '7d444840-9dc0', bootIsMount }));
    }
    for (const name of ['menu', 'start', 'start-of-separate-boot']) {
      const { exitCode } = await run(['grub-script-check', join(path, name)], { step: 'check a script (grub-common)' });
      expect(exitCode).toBe(0);
    }
    writeFileSync(join(path, 'wrong'), 'menuentry {\n');
    await expect(run(['grub-script-check', join(path, 'wrong')], { step: 'check' })).rejects.toMatchObject({
      failure: 'exit',
    });
  } finally {
    await cleanup();
  }
});
