import { mkdtempSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { expect, test } from 'vitest';

const program = `
import { readlinkSync } from 'node:fs';
import { enterPrivateMountNamespace, hasPrivateMountNamespace } from ${JSON.stringify(new URL('./mount-namespace.ts', import.meta.url))};
process.stdout.write('start ');
enterPrivateMountNamespace();
process.stdout.write(JSON.stringify([readlinkSync('/proc/self/ns/mnt'), hasPrivateMountNamespace(), process.argv.slice(2)]));
`;

test('the program starts again in a mount namespace of its own, with its arguments', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'mount-namespace-'));
  const file = join(directory, 'program.mjs');
  writeFileSync(file, program);
  try {
    const { stdout, stderr } = await run([process.execPath, file, 'a b', '--c'], { step: 'start it' });
    expect(stderr).toBe('');
    const [first, second, result] = /^(start) (start) (.*)$/.exec(stdout)!.slice(1);
    expect([first, second]).toEqual(['start', 'start']);
    const [namespace, isPrivate, args] = JSON.parse(result!);
    expect(namespace).not.toBe(readlinkSync('/proc/self/ns/mnt'));
    expect(isPrivate).toBe(true);
    expect(args).toEqual(['a b', '--c']);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
