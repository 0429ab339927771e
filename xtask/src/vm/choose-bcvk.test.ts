import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { HostStatus } from './bcvk-client.ts';
import { chooseBcvk, findOnPath } from './choose-bcvk.ts';

const folder = mkdtempSync(join(tmpdir(), 'bcvk-'));
const file = join(folder, 'bcvk');
writeFileSync(file, '#!/bin/sh\n');
chmodSync(file, 0o755);

function choose(setting: string | undefined, onPath: string | undefined, status: HostStatus = {}) {
  return chooseBcvk({ setting, onPath, bundled: ['node', 'main.ts'], hostStatus: async () => status });
}

test.each([
  ['bundled', '/usr/bin/bcvk', {}, 'bundled', 'BOOTC_bcvk=bundled'],
  ['system', '/usr/bin/bcvk', {}, 'system', 'BOOTC_bcvk=system'],
  [file, undefined, {}, 'file', `BOOTC_bcvk=${file}`],
  [undefined, undefined, {}, 'bundled', 'no bcvk on PATH'],
  [undefined, '/b/bcvk', { accel: 'kvm' }, 'system', '/b/bcvk is installed and KVM boots a guest'],
  [
    undefined,
    '/b/bcvk',
    { accel: 'tcg', accel_reason: 'the guest hung' },
    'bundled',
    '/b/bcvk is installed, but KVM boots no guest here: the guest hung',
  ],
  [undefined, '/b/bcvk', {}, 'bundled', '/b/bcvk is installed, but KVM boots no guest here'],
] as const)('setting %s, on PATH %s, status %j: %s', async (setting, onPath, status, kind, why) => {
  expect(await choose(setting, onPath, status)).toMatchObject({ kind, why });
});

test('what is asked for and not there is an error', async () => {
  await expect(choose('system', undefined)).rejects.toMatchObject({ code: 'BCVK_NOT_FOUND' });
  await expect(choose('bundeld', '/b/bcvk')).rejects.toMatchObject({ code: 'BCVK_NOT_FOUND' });
});

test('the machine is not asked when the choice does not depend on it', async () => {
  const hostStatus = (): never => expect.unreachable();
  const bundled = ['node'] as const;
  expect(await chooseBcvk({ setting: undefined, onPath: undefined, bundled, hostStatus })).toBeDefined();
});

test('a program is found on PATH', async () => {
  expect(await findOnPath('bcvk', `/no/such::${folder}`)).toBe(file);
  expect(await findOnPath('bcvk', '/no/such')).toBeUndefined();
});
