import { expect, test } from 'vitest';
import { bootloaderOfLoaderInfo } from './bootloader.ts';

function variable(text: string): Buffer {
  return Buffer.concat([Buffer.from([6, 0, 0, 0]), Buffer.from(`${text}\0`, 'utf16le')]);
}

test('which boot loader introduced itself', () => {
  expect(bootloaderOfLoaderInfo(variable('systemd-boot 257.2-1'))).toBe('systemd');
  expect(bootloaderOfLoaderInfo(variable('GRUB CC 2.12'))).toBe('grub-cc');
  expect(bootloaderOfLoaderInfo(variable('GRUB 2.12'))).toBe('grub');
  expect(bootloaderOfLoaderInfo(undefined)).toBe('grub');
  expect(() => bootloaderOfLoaderInfo(Buffer.from([1, 2, 3]))).toThrow('odd number of bytes');
});
