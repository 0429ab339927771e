import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { dirSync } from 'tmp-promise';
import { expect, test } from 'vitest';
import { inheritedDescriptor } from './inherited-descriptor.ts';

test('the descriptor is found in both spellings, and nothing else is taken for one', () => {
  expect(inheritedDescriptor(['upgrade', '--progress-fd', '3'])).toBe(3);
  expect(inheritedDescriptor(['switch', '--progress-fd=12', 'x'])).toBe(12);
  expect(inheritedDescriptor(['upgrade', '--progress-fd'])).toBeUndefined();
  expect(inheritedDescriptor(['upgrade', '--progress-fd=x'])).toBeUndefined();
  expect(inheritedDescriptor(['upgrade', '3'])).toBeUndefined();
});

test('a descriptor that is kept is there after the program has replaced itself', async () => {
  const folder = dirSync({ unsafeCleanup: true });
  using _folder = { [Symbol.dispose]: () => folder.removeCallback() };
  const output = join(folder.name, 'output');
  const library = new URL('../../../composefs/src/syscalls/descriptors.ts', import.meta.url).pathname;
  const script = `
    import { inheritDescriptor } from ${JSON.stringify(library)};
    if (process.env.AGAIN === undefined) {
      inheritDescriptor(3);
      process.execve(process.execPath, [process.execPath, ...process.execArgv], { ...process.env, AGAIN: '1' });
    }
    const { writeSync } = await import('node:fs');
    writeSync(3, 'still open');
  `;
  const argv = ['sh', '-c', 'exec "$0" --input-type=module -e "$1" 3>"$2"', process.execPath, script, output] as const;
  await run(argv, { step: 'start a program with a descriptor' });
  expect(readFileSync(output, 'utf8')).toBe('still open');
});
