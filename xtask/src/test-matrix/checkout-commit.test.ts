import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeCheckout } from './checkout-commit.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'checkout-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const git = (...words: string[]) =>
  run(['git', '-c', 'user.name=x', '-c', 'user.email=x@localhost', ...words], { step: 'prepare', cwd: root });

test('a checkout is named by its commit, with a mark for what is not in it; what is no checkout has none', async () => {
  expect(await describeCheckout(root)).toBeUndefined();
  await git('init', '--quiet');
  expect(await describeCheckout(root)).toBeUndefined();
  await git('commit', '--quiet', '--allow-empty', '--message=one');
  expect(await describeCheckout(root)).toMatch(/^[0-9a-f]{12}$/);
  await git('-c', 'tag.gpgSign=false', 'tag', 'v1');
  expect(await describeCheckout(root)).toBe('v1');
  writeFileSync(join(root, 'new.ts'), '');
  expect(await describeCheckout(root)).toBe('v1-dirty');
  const inside = join(root, 'unpacked');
  mkdirSync(inside);
  expect(await describeCheckout(inside)).toBeUndefined();
});
