import { expect, test } from 'vitest';
import { parseMountInfo } from '../storage/mount-table.ts';
import { isUsrTransient } from './usr-overlay.ts';

const mount = (point: string, source: string, options = 'rw') =>
  parseMountInfo(`30 1 0:30 / ${point} ${options},relatime shared:1 - overlay ${source} ${options}\n`);

test('on a transient root there is no need for a layer over /usr', () => {
  expect(isUsrTransient(mount('/', 'composefs:abc', 'ro'))).toBe(false);
  expect(isUsrTransient(mount('/', 'transient:composefs=abc'))).toBe(true);
  expect(isUsrTransient([...mount('/', 'transient:composefs=abc'), ...mount('/usr', 'transient')])).toBe(false);
  expect(() => isUsrTransient(mount('/', 'transient:composefs=abc', 'ro'))).toThrow(
    expect.objectContaining({ code: 'TRANSIENT_ROOT_READ_ONLY', hint: expect.stringContaining('remount,rw /') }),
  );
});
