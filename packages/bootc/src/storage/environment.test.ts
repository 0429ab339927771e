import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { detectEnvironment } from './environment.ts';

const id = 'ab'.repeat(64);
const otherId = 'cd'.repeat(64);

function rootWith(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'environment-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

function booted(options: { cmdline: string; source: string }): string {
  return rootWith({
    'proc/cmdline': options.cmdline,
    'proc/self/mountinfo': `25 1 0:27 / / ro - overlay ${options.source} ro\n`,
  });
}

test('booted from composefs', async () => {
  const root = booted({ cmdline: `rw composefs=${id} quiet\n`, source: `composefs:${id}` });
  expect(await detectEnvironment(root)).toEqual({ kind: 'composefs', deploymentId: id, isMissingVerityAllowed: false });
});

test('after a soft reboot the mount source is right, and missing verity stays allowed', async () => {
  const root = booted({ cmdline: `composefs=?${id}\n`, source: `composefs:${otherId}` });
  expect(await detectEnvironment(root)).toMatchObject({ deploymentId: otherId, isMissingVerityAllowed: true });
});

test('a transient root', async () => {
  const root = booted({ cmdline: `composefs=${id}`, source: `transient:composefs=${id}` });
  expect(await detectEnvironment(root)).toMatchObject({ deploymentId: id });
});

test.each(['/dev/vda3', 'composefs:short', 'overlay'])('composefs= with / from %s is an error', async (source) => {
  await expect(detectEnvironment(booted({ cmdline: `composefs=${id}`, source }))).rejects.toThrow(source);
});

test('a container, also on a composefs host', async () => {
  const root = booted({ cmdline: `composefs=${id}`, source: 'overlay' });
  mkdirSync(join(root, 'run'));
  writeFileSync(join(root, 'run/.containerenv'), '');
  expect(await detectEnvironment(root)).toEqual({ kind: 'container' });
});

test('other systems', async () => {
  expect(await detectEnvironment(rootWith({ 'proc/cmdline': 'root=/dev/sda1 composefs' }))).toEqual({ kind: 'other' });
  expect(await detectEnvironment(rootWith({ 'run/ostree-booted': '' }))).toEqual({ kind: 'ostree' });
  expect(await detectEnvironment(rootWith({}))).toEqual({ kind: 'other' });
});
