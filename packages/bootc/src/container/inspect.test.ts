import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { runProgram } from '../cli/program.ts';
import { inspectImage } from './inspect.ts';

function image(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'image-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return root;
}

const withKernel = {
  'usr/lib/modules/6.12.1/vmlinuz': '',
  'usr/lib/modules/6.12.0/modules.dep': '',
  'usr/lib/bootc/kargs.d/10.toml': 'kargs = ["console=ttyS0 quiet"]\n',
};

test('an image with a kernel', async () => {
  const root = image(withKernel);
  expect(await inspectImage(root, 'json')).toBe(`{
  "kargs": [
    "console=ttyS0",
    "quiet"
  ],
  "kernel": {
    "version": "6.12.1",
    "unified": false
  }
}
`);
  expect(await inspectImage(root, 'humanreadable')).toBe(
    'Kernel: 6.12.1\n  Type: vmlinuz\n Kargs: console=ttyS0 quiet\n',
  );
});

test('a unified kernel image comes before a kernel', async () => {
  const root = image({ ...withKernel, 'boot/EFI/Linux/6.12.2.efi': '' });
  expect(JSON.parse(await inspectImage(root, 'json')).kernel).toEqual({ version: '6.12.2', unified: true });
});

test('an image without a kernel, and one with two', async () => {
  expect(await inspectImage(image({}), 'humanreadable')).toBe('Kernel: <none>\n Kargs: <none>\n');
  expect(await inspectImage(image({}), 'yaml')).toBe('kargs: []\nkernel: null\n');
  const two = image({ ...withKernel, 'usr/lib/modules/6.12.0/vmlinuz': '' });
  await expect(inspectImage(two, 'json')).rejects.toMatchObject({ code: 'SEVERAL_KERNELS' });
});

test.each(['inspect', 'lint'])('%s of a folder that is not there is one clear error', async (verb) => {
  const errors: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => errors.push(String(text)) > 0);
  const missing = join(image({ file: '' }), 'missing');
  const status = await runProgram(['container', verb, '--rootfs', missing]);
  const statusOfFile = await runProgram(['container', verb, '--rootfs', join(missing, '../file')]);
  write.mockRestore();
  expect([status, statusOfFile]).toEqual([1, 1]);
  expect(errors[0]).toMatch(/^error: the root of the image \S+\/missing cannot be read \(ENOENT\)\n {2}help: /);
  expect(errors[1]).toContain('is no directory');
  expect(errors).toHaveLength(2);
});
