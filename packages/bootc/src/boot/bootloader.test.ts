import { expect, test } from 'vitest';
import { bootloaderOfLoaderInfo, partitionOfLoader } from './bootloader.ts';

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

test('which partition it was started from', () => {
  const uuid = '1C9B0A2F-77D8-4E5B-9D3A-0123456789AB';
  expect(partitionOfLoader(variable(uuid))).toBe(uuid.toLowerCase());
  for (const odd of [undefined, Buffer.alloc(0), Buffer.from([6, 0, 0, 0, 1]), variable('no uuid')]) {
    expect(partitionOfLoader(odd)).toBeUndefined();
  }
});
