import { expect, test } from 'vitest';
import { kernelArgumentsOfFiles } from './kargs-d.ts';

test('files in the order of their names, for this architecture, only *.toml', () => {
  const files = [
    { name: '20-b.toml', text: 'kargs = ["console=ttyS0,115200n8 quiet"]\nmatch-architectures = ["x86_64"]' },
    { name: '10-a.toml', text: 'kargs = ["a=1", "b"]' },
    { name: '30-arm.toml', text: 'kargs = ["arm"]\nmatch-architectures = ["aarch64"]' },
    { name: 'README', text: 'not toml' },
  ];
  expect(kernelArgumentsOfFiles(files, 'x86_64')).toEqual(['a=1', 'b', 'console=ttyS0,115200n8', 'quiet']);
  expect(kernelArgumentsOfFiles(files, 'aarch64')).toEqual(['a=1', 'b', 'arm']);
});

test.each([
  ['kargs = "quiet"', 'kargs'],
  ['', 'kargs'],
  ['kargs = []\nkarg = []', 'karg'],
  ['kargs = [', 'TOML'],
])('%j is refused, and the file named', (text, what) => {
  const read = (): unknown => kernelArgumentsOfFiles([{ name: '10-bad.toml', text }], 'x86_64');
  expect(read).toThrow('usr/lib/bootc/kargs.d/10-bad.toml');
  expect(read).toThrow(what);
});
