import { expect, test } from 'vitest';
import { writeCpio } from './cpio.ts';
import { appendArchive, rootMountArchive } from './installer-initramfs.ts';

test('an archive in the form that the kernel reads', () => {
  const archive = writeCpio([{ path: 'etc' }, { path: 'etc/a', content: 'hello' }]);
  expect(archive.length % 512).toBe(0);
  const text = archive.toString('latin1').replaceAll('\0', '.').replace(/\.+$/, '');
  expect(text).toBe(
    [
      '07070100000001000041ed000000000000000000000002000000000000000000000000000000000000000000000000000000040000000' +
        '0etc...07070100000002000081a40000000000000000000000010000000000000005000000000000000000000000000000000000000600' +
        '000000etc/a.hello...0707010000000000000000000000000000000000000001000000000000000000000000000000000000000000000' +
        '0000000000b00000000TRAILER!!!',
    ].join(''),
  );
});

test('the second archive begins at a multiple of four bytes', () => {
  expect(appendArchive(Buffer.from('abcde'), Buffer.from('f')).toString('latin1')).toBe('abcde\0\0\0f');
  expect(appendArchive(Buffer.from('abcd'), Buffer.from('f')).toString('latin1')).toBe('abcdf');
});

test('the archive mounts the root and has all its folders', () => {
  const text = rootMountArchive().toString('latin1');
  const names = [...text.matchAll(/070701[0-9a-f]{104}([^\0]+)\0/g)].map(([, name]) => name);
  expect(names).toEqual([
    'etc',
    'etc/systemd',
    'etc/systemd/system',
    'etc/systemd/system/sysroot.mount',
    'etc/systemd/system/initrd-root-fs.target.d',
    'etc/systemd/system/initrd-root-fs.target.d/50-bcvk.conf',
    'TRAILER!!!',
  ]);
  expect(text).toContain('What=rootfs\nWhere=/sysroot\nType=virtiofs\nOptions=ro\n');
});
