import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import { createRunFolder } from '../runs/run-folder.ts';
import { BcvkClient } from './bcvk-client.ts';
import { type FakeGuest, fakeGuest } from './fake-guest.ts';
import { mountsBelow, orphans, ownerLabelStart, reapLeftovers } from './reaper.ts';

let guest: FakeGuest | undefined;
afterEach(() => {
  vi.unstubAllEnvs();
  if (guest !== undefined) rmSync(guest.folder, { recursive: true });
  guest = undefined;
});

const alive = `${ownerLabelStart}${formatOwner(ownerOf())}`;
const gone = `${ownerLabelStart}${formatOwner({ ...ownerOf(), startTicks: '1' })}`;

function vm(name: string, labels: string[]) {
  return { name, state: 'running', labels };
}

test('only a VM whose owner is gone is an orphan', () => {
  const vms = [
    vm('mine', ['bootc.test=1', alive]),
    vm('left', ['bootc.test=1', gone]),
    vm('preserved', ['bootc.test=1']),
    vm('strange', ['bootc.test=1', `${ownerLabelStart}me`]),
  ];
  expect(orphans(vms).map(({ name }) => name)).toEqual(['left']);
});

test('what a killed run left is removed, its logs stay, a living run is not touched', async () => {
  guest = fakeGuest();
  guest.setState('running');
  guest.setList([vm('left', ['bootc.test=1', gone]), vm('mine', [alive])]);
  vi.stubEnv('TMPDIR', guest.folder);
  const root = join(guest.folder, 'runs');
  const living = createRunFolder(root, { title: 'living' });
  onTestFinished(() => rmSync(living.workPath, { recursive: true, force: true }));
  const killed = createRunFolder(root, { title: 'killed' });
  const record = JSON.parse(readFileSync(join(killed.path, 'run.json'), 'utf8'));
  record.owner.startTicks = '1';
  writeFileSync(join(killed.path, 'run.json'), JSON.stringify(record));
  writeFileSync(join(killed.path, 'console.log'), '');

  const bcvk = new BcvkClient({ argv: [guest.bcvk], kind: 'file', why: 'test' });
  const removed = await reapLeftovers({ bcvk, runsRoot: root, mountInfo: '' });
  expect(removed).toEqual(['VM left', `folder ${killed.workPath}`]);
  expect(guest.state()).toBeUndefined();
  expect(guest.calls().filter((call) => call.startsWith('libvirt rm'))).toEqual(['libvirt rm --stop --force left']);
  expect(existsSync(living.workPath)).toBe(true);
  expect(existsSync(join(killed.path, 'console.log'))).toBe(true);
});

test('mounts below a folder are found, innermost first, with escaped blanks', () => {
  const mountInfo = [
    '25 1 0:22 / / rw - ext4 /dev/vda1 rw',
    '26 25 0:23 / /runs/a/disk rw - ext4 /dev/loop0 rw',
    '27 26 0:24 / /runs/a/disk/my\\040boot rw - vfat /dev/loop1 rw',
    '28 25 0:25 / /runs/ab rw - tmpfs tmpfs rw',
    '',
  ].join('\n');
  expect(mountsBelow('/runs/a', mountInfo)).toEqual(['/runs/a/disk/my boot', '/runs/a/disk']);
});
