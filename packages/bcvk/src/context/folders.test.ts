import { expect, test } from 'vitest';
import { findFolders } from './folders.ts';

test('root has the folders of the system', () => {
  expect(findFolders({}, true)).toEqual({ cache: '/var/cache/bcvk', state: '/var/lib/bcvk', runtime: '/run/bcvk' });
});

test('others have theirs, where XDG says', () => {
  expect(findFolders({ HOME: '/home/a', XDG_STATE_HOME: '/s', XDG_RUNTIME_DIR: '/run/user/1000' }, false)).toEqual({
    cache: '/home/a/.cache/bcvk',
    state: '/s/bcvk',
    runtime: '/run/user/1000/bcvk',
  });
});

test('each can be put elsewhere', () => {
  const env = { BCVK_CACHE_DIR: '/c', BCVK_STATE_DIR: '/s', BCVK_RUNTIME_DIR: '/r' };
  expect(findFolders(env, true)).toEqual({ cache: '/c', state: '/s', runtime: '/r' });
});

test('a variable without a value is as good as none', () => {
  const empty = { BCVK_CACHE_DIR: '', BCVK_STATE_DIR: '', BCVK_RUNTIME_DIR: '', HOME: '/home/a', XDG_CACHE_HOME: '' };
  expect(findFolders(empty, true)).toEqual(findFolders({}, true));
  expect(findFolders(empty, false).cache).toBe('/home/a/.cache/bcvk');
});
