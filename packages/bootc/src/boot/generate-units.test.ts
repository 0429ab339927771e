import { existsSync, mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { generateUnits } from './generate-units.ts';

const shipped = new URL('../../rootfs/usr/lib/systemd/system', import.meta.url).pathname;

test('a boot of a deployment wants the units that there are', async () => {
  const root = mkdtempSync(join(tmpdir(), 'generator-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const folder of ['proc', 'usr/lib/systemd/system', 'out']) mkdirSync(join(root, folder), { recursive: true });
  const out = join(root, 'out');
  const unit = 'bootc-sysusers-shadow-sync.service';
  writeFileSync(join(root, 'usr/lib/systemd/system', unit), '');
  writeFileSync(join(root, 'proc/cmdline'), 'root=/dev/sda1 rw');
  await generateUnits(root, out);
  expect(readdirSync(out)).toEqual([]);
  writeFileSync(join(root, 'proc/cmdline'), `rw composefs=${'a'.repeat(128)}`);
  await generateUnits(root, out);
  await generateUnits(root, out);
  expect(readdirSync(join(out, 'sysinit.target.wants'))).toEqual([unit]);
  expect(readlinkSync(join(out, 'sysinit.target.wants', unit))).toBe(`/usr/lib/systemd/system/${unit}`);
});

test('the image has the units, and wants them', () => {
  const wants = readdirSync(join(shipped, 'sysinit.target.wants')).filter((name) => name.startsWith('bootc-'));
  expect(wants).toEqual(['bootc-early-overlay-relabel.service', 'bootc-sysusers-shadow-sync.service']);
  expect(wants.every((name) => existsSync(join(shipped, 'sysinit.target.wants', name)))).toBe(true);
});
