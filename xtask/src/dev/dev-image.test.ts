import { expect, test } from 'vitest';
import { resolveSettings } from '../matrix/resolve.ts';
import { chooseDevImage } from './dev-image.ts';

const settings = (environment: Record<string, string>) => resolveSettings({ environment });

const inspect = (kind?: string) => async () => ({ labels: kind === undefined ? {} : { 'workbench.kind': kind } });

test('BOOTC_BASE_IMAGE comes before BOOTC_base, that before the built image', async () => {
  const base = { BOOTC_base: 'localhost/base' };
  expect(await chooseDevImage(settings({ ...base, BOOTC_BASE_IMAGE: 'localhost/whole' }), inspect())).toEqual({
    image: 'localhost/whole',
    why: 'BOOTC_BASE_IMAGE',
    isBrought: true,
    mustBuild: false,
  });
  expect(await chooseDevImage(settings(base), inspect())).toMatchObject({ image: 'localhost/base' });
  const fromFile = resolveSettings({ dotenv: base });
  expect(await chooseDevImage(fromFile, inspect())).toMatchObject({ image: 'localhost/base', isBrought: true });
  for (const there of [inspect(), inspect('composefs/systemd/bls')]) {
    expect(await chooseDevImage(settings({}), there)).toEqual({
      image: 'localhost/bootc',
      why: 'it is there',
      isBrought: false,
      mustBuild: false,
    });
  }
  expect(await chooseDevImage(settings({}), async () => undefined)).toMatchObject({
    image: 'localhost/bootc',
    mustBuild: true,
  });
});

test('an image that was built for other cells is built anew', async () => {
  for (const [environment, kind] of [
    [{ BOOTC_boot_type: 'uki' }, 'composefs/systemd/bls'],
    [{ BOOTC_boot_type: 'uki', BOOTC_filesystem: 'xfs' }, 'composefs/systemd/uki/unsealed/verity'],
    [{ BOOTC_bootloader: 'grub' }, 'composefs/systemd/bls'],
  ] as const) {
    expect(await chooseDevImage(settings(environment), inspect(kind))).toEqual({
      image: 'localhost/bootc',
      why: `the one that is there was built for ${kind}`,
      isBrought: false,
      mustBuild: true,
    });
  }
  const other = settings({ BOOTC_filesystem: 'btrfs' });
  expect(await chooseDevImage(other, inspect('composefs/systemd/bls'))).toMatchObject({ mustBuild: false });
});
