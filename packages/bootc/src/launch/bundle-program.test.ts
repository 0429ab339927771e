import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleProgram } from '../../bundle-program.ts';

test('a program that does not build says where, and is no bug of the bundler', async () => {
  const main = join(mkdtempSync(join(tmpdir(), 'bundle-')), 'main.ts');
  writeFileSync(main, "import './gone.ts';\nconst x: = 1;\n");
  const failure = expect(bundleProgram(main)).rejects;
  await failure.toMatchObject({
    code: 'PROGRAM_NOT_BUILT',
    message: expect.stringMatching(/main\.ts:2:10 {2}Unexpected "="$/m),
  });
});
