import { readFileSync } from 'node:fs';
import { run } from '@workbench/run';
import { fileSync } from 'tmp-promise';
import { findCfsctl } from '../erofs/cfsctl.testing.ts';
import { cfsMain } from './main.ts';

/** What a command line led to; the output byte for byte, as latin1. */
export interface Outcome {
  status: number;
  stdout: string;
}

/** Runs ours. */
export async function cfs(args: string[], input?: Buffer): Promise<Outcome> {
  const output: Buffer[] = [];
  const status = await cfsMain(args, {
    write: (text) => output.push(Buffer.from(text)),
    writeBytes: (bytes) => output.push(Buffer.from(bytes)),
    writeError: () => {},
    ...(input === undefined ? {} : { input: chunksOf(input) }),
  });
  return { status, stdout: Buffer.concat(output).toString('latin1') };
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

/** Runs the real one. */
export async function cfsctl(args: string[], input?: Buffer): Promise<Outcome> {
  // By way of a file, since standard output may be bytes.
  const output = fileSync({ prefix: 'cfsctl-' });
  const script = 'out=$1; shift; exec "$@" > "$out"';
  const argv = ['sh', '-c', script, 'sh', output.name, findCfsctl(), ...args] as [string, ...string[]];
  const { exitCode } = await run(argv, {
    step: `cfsctl ${args.join(' ')}`,
    okExitCodes: [0, 1, 2],
    ...(input === undefined ? {} : { input }),
  });
  const stdout = readFileSync(output.name, 'latin1');
  output.removeCallback();
  return { status: exitCode, stdout };
}
