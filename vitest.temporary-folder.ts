import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let folder: string | undefined;

/** Gives the tests of a run one folder for temporary files. vitest calls it before the first one. */
export function setup(): void {
  folder = mkdtempSync(join(tmpdir(), 'unit-'));
  process.env.TMPDIR = folder;
}

/** Removes that folder with whatever the tests left there. vitest calls it after the last one. */
export function teardown(): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}
