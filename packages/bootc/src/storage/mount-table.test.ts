import { expect, test } from 'vitest';
import { mountAt, parseMountInfo } from './mount-table.ts';

const text = `25 1 0:27 / / ro,relatime shared:1 - overlay composefs:ab ro,redirect_dir=on,verity=require
31 25 254:3 / /sysroot ro,nodev,relatime - ext4 /dev/vda3 rw
32 25 254:3 /state/deploy/ab/etc /etc rw,relatime shared:2 master:1 - ext4 /dev/vda3 rw
40 25 0:40 / /mnt/a\\040b rw - tmpfs none rw
41 25 0:41 / /mnt/a\\040b ro - tmpfs second rw
not a mount
`;

test('fields, escapes, and lines that are none', () => {
  const mounts = parseMountInfo(text);
  expect(mounts).toHaveLength(5);
  expect(mounts[2]).toEqual({
    device: '254:3',
    rootInFilesystem: '/state/deploy/ab/etc',
    mountPoint: '/etc',
    options: ['rw', 'relatime'],
    filesystem: 'ext4',
    source: '/dev/vda3',
  });
});

test('a later mount covers an earlier one', () => {
  const mounts = parseMountInfo(text);
  expect(mountAt(mounts, '/mnt/a b')?.source).toBe('second');
  expect(mountAt(mounts, '/')?.source).toBe('composefs:ab');
  expect(mountAt(mounts, '/nowhere')).toBeUndefined();
});
