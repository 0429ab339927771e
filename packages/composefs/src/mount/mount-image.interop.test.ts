import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { expect, test } from 'vitest';
import { importImage } from '../oci/import-image.ts';
import { vectorLayout } from '../oci/vector-image.testing.ts';
import { initRepository } from '../repository/init-repository.ts';
import { mountImage } from './mount-image.ts';

test('an image is mounted read-only in each format, and nothing stays behind', async () => {
  // Characters that separate the options of overlay must do no harm.
  const folder = mkdtempSync(join(tmpdir(), 'mount:with,separators-'));
  const erofsFormats = { default: 1, extra: [2] } as const;
  try {
    await using repository = await initRepository(join(folder, 'repository'), {
      algorithm: 'sha512',
      verity: 'off',
      erofsFormats: { ...erofsFormats, extra: [...erofsFormats.extra] },
    });
    const { imageIds } = await importImage(repository, `oci:${vectorLayout}:vector`, { bootable: false });
    const target = join(folder, 'target');
    mkdirSync(target);
    const scratchBefore = readdirSync(tmpdir()).filter((name) => name.startsWith('composefs-'));
    for (const id of imageIds.values()) {
      {
        await using _ = await mountImage(repository, id, target, { verity: 'if-supported' });
        expect(readFileSync(join(target, 'usr/lib/os-release'), 'utf8')).toBe('ID=vector\nVERSION_ID=1\n');
        expect(readFileSync(join(target, 'usr/bin/tool')).length).toBe(5000);
        expect(readdirSync(target)).not.toContain('00');
        const { stdout } = await run(['findmnt', '--noheadings', '--output', 'FSTYPE,SOURCE,OPTIONS', target], {
          step: 'look',
        });
        expect(stdout).toMatch(new RegExp(`^overlay +composefs:${id} +ro,`));
        expect(stdout).toContain('metacopy=on');
      }
      expect(readdirSync(target)).toEqual([]);
    }
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('composefs-'))).toEqual(scratchBefore);
    expect((await run(['losetup', '--list', '--output', 'BACK-FILE'], { step: 'look' })).stdout).not.toContain(folder);
    const id = imageIds.get(1) as string;
    await expect(mountImage(repository, id, target, { verity: 'require' })).rejects.toMatchObject({
      code: 'VERITY_MISSING',
    });
    await expect(mountImage(repository, 'ab', target, { verity: 'require' })).rejects.toMatchObject({
      code: 'IMAGE_MISSING',
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
