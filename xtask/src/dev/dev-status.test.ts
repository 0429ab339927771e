import { expect, test } from 'vitest';
import { type DevVmStatus, describeDevVm } from './dev-status.ts';

const status: DevVmStatus = {
  name: 'bootc-dev',
  state: 'running',
  cell: 'composefs-systemd-bls-unsealed-ext4',
  checkout: undefined,
  image: 'localhost/bootc',
  sshPort: 2222,
  buildId: 'aa',
  versions: [{ name: 'bootc-1-aa', buildId: 'aa', isCurrent: true }],
};
const lastOf = (change: Partial<DevVmStatus>) =>
  describeDevVm({ ...status, ...change })
    .at(-1)
    ?.trim();

test.each<[Partial<DevVmStatus>, string]>([
  [{}, 'bootc  aa (current)'],
  [{ buildId: 'bb' }, 'bootc  bb (current is aa: just bcvk sync)'],
  [{ buildId: undefined }, 'bootc  no answer in 15 s'],
  [{ buildId: undefined, state: 'shut off' }, 'bootc  not running: just bcvk up'],
  [{ buildId: undefined, checkout: '/other' }, 'of     the checkout /other'],
  [{ state: undefined }, 'there is no VM bootc-dev; just bcvk up makes it'],
])('%j', (change, line) => {
  expect(lastOf(change)).toBe(line);
});
