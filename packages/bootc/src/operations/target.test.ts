import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseTarget } from './target.ts';

test('a path is recorded as it is found from anywhere', () => {
  expect(parseTarget({ transport: 'oci', name: 'images/os:v2' })).toEqual({
    transport: 'oci',
    image: join(process.cwd(), 'images/os:v2'),
  });
  expect(parseTarget({ transport: 'dir', name: '/images/os' })).toEqual({ transport: 'dir', image: '/images/os' });
  expect(parseTarget({ transport: undefined, name: 'images/os' })).toMatchObject({ image: 'images/os' });
  expect(() => parseTarget({ transport: 'oci', name: '' })).toThrow('cannot be recorded');
});
