import { cfsMain } from '../../src/cli/main.ts';

/** Runs our command line in this process. */
export async function cfs(args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const output: string[] = [];
  const errors: string[] = [];
  const status = await cfsMain(args, { write: (text) => output.push(text), writeError: (text) => errors.push(text) });
  return { status, stdout: output.join(''), stderr: errors.join('') };
}
