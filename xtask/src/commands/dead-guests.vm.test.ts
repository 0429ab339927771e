import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, expect, test } from 'vitest';
import { workspaceRoot } from '../settings/workspace.ts';

// Guests that cannot pass: what is wrong has to be told at once, and not when a deadline has passed.

const folder = mkdtempSync(join(tmpdir(), 'dead-guests-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs the readonly plan in a guest with one more kernel argument. */
async function runWith(name: string, kernelArgument: string) {
  const argv: [string, ...string[]] = [process.execPath, join(workspaceRoot, 'xtask/src/main.ts')];
  const { exitCode, stdout } = await run(
    [...argv, 'run-tmt', 'localhost/bootc', 'readonly', `--karg=${kernelArgument}`, `--log-dir=${join(folder, name)}`],
    { step: name, okExitCodes: [1], cwd: workspaceRoot, timeoutMs: 1_200_000 },
  );
  return { exitCode, stdout };
}

test('a guest whose init is a program that ends: the kernel panics', { timeout: 1_200_000 }, async () => {
  const { exitCode, stdout } = await runWith('panic', 'init=/usr/bin/false');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('FAILED /plans/readonly in phase boot (product, GUEST_PANIC)');
  expect(stdout).toMatch(/\| .*Kernel panic - not syncing: Attempted to kill init!/);
  expect(stdout.match(/^FAILED /gm)).toHaveLength(1);
});

test('a guest without sshd', { timeout: 1_200_000 }, async () => {
  const { exitCode, stdout } = await runWith('no-sshd', 'systemd.mask=ssh.service');
  expect(exitCode).toBe(1);
  expect(stdout).toContain('FAILED /plans/readonly in phase boot (product, GUEST_NO_SSHD)');
  expect(stdout).toContain('is up but has no sshd');
});
