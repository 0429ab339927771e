import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { bootableFiles } from '../storage/test-system.testing.ts';
import { type FollowingSystem, followImage } from './followed-system.testing.ts';
import { type ApplyOptions, prepareToApply } from './soft-reboot.ts';

let system: FollowingSystem['system'];
const { publish, runUpgrade } = followImage((made) => {
  ({ system } = made);
});

const told: string[] = [];
vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
  told.push(String(text));
  return true;
});
afterEach(() => {
  told.length = 0;
});

const apply = (id: string, options: ApplyOptions) => system.use((storage) => prepareToApply(storage, id, options));

test('without a soft reboot it is a reboot, if it is to be applied at all', async () => {
  publish(bootableFiles('2'));
  const id = (await runUpgrade())!;
  expect(await apply(id, { apply: false })).toBeUndefined();
  expect(await apply(id, { apply: true })).toBe('reboot');
});

test.each([
  ['systemd knows none', false, 'SOFT_REBOOT_UNSUPPORTED', 'does not support soft reboots'],
  ['the kernel is another', true, 'SOFT_REBOOT_NOT_CAPABLE', 'different kernel state'],
])('where a soft reboot cannot be, auto takes a reboot and required fails: %s', async (_, isKnown, code, why) => {
  publish(bootableFiles('2', 'another kernel'));
  const id = (await runUpgrade())!;
  if (isKnown) {
    mkdirSync(join(system.root, 'usr/lib/systemd/system'), { recursive: true });
    writeFileSync(join(system.root, 'usr/lib/systemd/system/soft-reboot.target'), '');
  }
  expect(await apply(id, { apply: true, softReboot: 'auto' })).toBe('reboot');
  expect(await apply(id, { apply: false, softReboot: 'auto' })).toBeUndefined();
  expect(told).toHaveLength(2);
  for (const line of told) expect(line).toMatch(new RegExp(`^notice: .*${why}; it takes a reboot\n$`));
  await expect(apply(id, { apply: true, softReboot: 'required' })).rejects.toMatchObject({ code });
});
