import { expect, test } from 'vitest';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import { launcherLabelStart, ownerLabelStart, testLabel } from './reaper.ts';
import { removeTestVms } from './remove-test-vms.ts';

const alive = formatOwner(ownerOf());
const gone = formatOwner({ ...ownerOf(), startTicks: '1' });

function fakeBcvk(): { list: () => Promise<never>; remove: (name: string) => Promise<void>; removed: string[] } {
  const vm = (name: string, ...labels: string[]): unknown => ({
    name,
    state: 'running',
    labels: [testLabel, ...labels],
  });
  const removed: string[] = [];
  return {
    removed,
    list: async () =>
      [
        vm('running', `${ownerLabelStart}${alive}`),
        vm('left', `${ownerLabelStart}${gone}`),
        vm('to be preserved', `${launcherLabelStart}${alive}`),
        vm('preserved', `${launcherLabelStart}${gone}`),
        vm('of old'),
      ] as never,
    remove: async (name) => void removed.push(name),
  };
}

test('the VM of a run that goes on is spared, also one that is to stay', async () => {
  const bcvk = fakeBcvk();
  expect(await removeTestVms(bcvk, false)).toEqual(['VM left', 'VM preserved', 'VM of old']);
  expect(bcvk.removed).toEqual(['left', 'preserved', 'of old']);
});

test('unless all are to go', async () => {
  expect(await removeTestVms(fakeBcvk(), true)).toHaveLength(5);
});
