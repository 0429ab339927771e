import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { quoteCommand, run } from '@workbench/run';
import { findCfsctl } from '../../src/erofs/cfsctl.testing.ts';

/** What one command of a batch did. */
export interface Outcome {
  status: number;
  stdout: string;
}

/**
 * Runs many commands of the real tool, one after the other, from one shell: starting them from here would take longer than
 * they do.
 *
 * @param folder for the output, made and removed.
 * @param commands arguments of cfsctl; `mkcomposefs` and `composefs-info` may be the first.
 */
export async function runCfsctl(folder: string, commands: readonly (readonly string[])[]): Promise<Outcome[]> {
  mkdirSync(folder);
  const program = findCfsctl();
  const lines = commands.map((args, i) => `${quoteCommand([program, ...args])} >${i} 2>/dev/null </dev/null; echo $?`);
  writeFileSync(join(folder, 'script'), lines.join('\n'));
  const { stdout } = await run(['sh', 'script'], { step: 'ask cfsctl', cwd: folder, timeoutMs: 3_600_000 });
  const statuses = stdout.trimEnd().split('\n').map(Number);
  const outcomes = commands.map((_, i) => {
    return { status: statuses[i] as number, stdout: readFileSync(join(folder, String(i)), 'latin1') };
  });
  rmSync(folder, { recursive: true });
  return outcomes;
}
