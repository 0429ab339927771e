import { expect, test } from 'vitest';
import { builtInFolder } from './grub.ts';

/** An object of grub's module data: type, size of the whole, content. */
function moduleObject(type: number, content: string): Buffer {
  const size = 8 + Math.ceil((content.length + 1) / 4) * 4;
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(type, 0);
  bytes.writeUInt32LE(size, 4);
  bytes.write(content, 8, 'latin1');
  return bytes;
}

test('the folder of a grub is the prefix that is built into it', () => {
  const other = moduleObject(0, '/EFI/not-this');
  expect(builtInFolder(Buffer.concat([Buffer.from('MZ'), other, moduleObject(3, '/EFI/debian')]))).toBe('debian');
  expect(builtInFolder(Buffer.concat([other, moduleObject(3, '/boot/grub')]))).toBeUndefined();
  expect(builtInFolder(Buffer.from('no grub'))).toBeUndefined();
});
