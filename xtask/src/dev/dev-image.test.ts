import { expect, test } from 'vitest';
import { resolveSettings } from '../matrix/resolve.ts';
import { chooseDevImage } from './dev-image.ts';

const settings = (environment: Record<string, string>) => resolveSettings({ environment });

test('BOOTC_BASE_IMAGE comes before BOOTC_base, that before the built image', async () => {
  const base = { BOOTC_base: 'localhost/base' };
  expect(await chooseDevImage(settings({ ...base, BOOTC_BASE_IMAGE: 'localhost/whole' }), async () => true)).toEqual({
    image: 'localhost/whole',
    why: 'BOOTC_BASE_IMAGE',
    isMissing: false,
  });
  expect(await chooseDevImage(settings(base), async () => true)).toMatchObject({ image: 'localhost/base' });
  expect(await chooseDevImage(settings({}), async () => true)).toMatchObject({
    image: 'localhost/bootc',
    isMissing: false,
  });
  expect(await chooseDevImage(settings({}), async () => false)).toMatchObject({
    image: 'localhost/bootc',
    isMissing: true,
  });
});
