import { expect, test } from 'vitest';
import { formatOwner, ownerOf } from '../runs/owner.ts';
import { ownerLabelStart, testLabel } from './reaper.ts';
import { removeTestVms } from './remove-test-vms.ts';

const alive = `${ownerLabelStart}${formatOwner(ownerOf())}`;
const gone = `${ownerLabelStart}${formatOwner({ ...ownerOf(), startTicks: '1' })}`;

function fakeBcvk(): { list: () => Promise<never>; remove: (name: string) => Promise<void>; removed: string[] } {
  const vm = (name: string, ...labels: string[]): unknown => ({
    name,
    state: 'running',
    labels: [testLabel, ...labels],
  });
  const removed: string[] = [];
  return {
    removed,
    list: async () => [vm('running', alive), vm('left', gone), vm('preserved')] as never,
    remove: async (name) => void removed.push(name),
  };
}

test('the VM of a run that goes on is spared', async () => {
  const bcvk = fakeBcvk();
  expect(await removeTestVms(bcvk, false)).toEqual(['VM left', 'VM preserved']);
  expect(bcvk.removed).toEqual(['left', 'preserved']);
});

test('unless all are to go', async () => {
  expect(await removeTestVms(fakeBcvk(), true)).toEqual(['VM running', 'VM left', 'VM preserved']);
});
