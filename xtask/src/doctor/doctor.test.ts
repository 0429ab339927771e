import { expect, test } from 'vitest';
import { distributionOf, installCommand } from './distribution.ts';
import { describeFindings, type Finding, isHealthy } from './finding.ts';
import { judgeAccel, judgeFreeSpace } from './machine.ts';
import { checkTool, judgeVersion, tools } from './tools.ts';

test.each([
  ['podman version 4.3.1', '4.3.0', 'ok', '4.3.1'],
  ['9.0.0', '9.0.0', 'ok', '9.0.0'],
  ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)', '7.2.0', 'ok', '7.2.22'],
  ['v20.20.2', '26.0.0', 'missing', '20.20.2, but 26.0.0 or later is needed'],
  ['no number', '1.0.0', 'missing', 'there, but 1.0.0 or later is needed'],
])('%s against %s is %s', (printed, atLeast, status, found) => {
  expect(judgeVersion({ atLeast }, printed)).toEqual({ status, found });
});

test('a tool that is not there is missing or, when optional, a warning; each with its fix', async () => {
  const tool = {
    id: 'x',
    argv: ['/no/such/tool'] as const,
    neededFor: 'VMs',
    packages: { apt: 'deb-x', dnf: 'rpm-x' },
  };
  const missing = { id: 'x', status: 'missing', found: 'not found', neededFor: 'VMs', fix: 'apt-get install deb-x' };
  expect(await checkTool(tool, 'apt')).toEqual(missing);
  expect(await checkTool({ ...tool, optional: true }, 'dnf')).toMatchObject({
    status: 'warning',
    fix: 'dnf install rpm-x',
  });
});

test('each needed tool says how to get it', () => {
  for (const tool of tools) {
    if (tool.optional !== true) expect(tool.packages ?? tool.otherwise).toBeDefined();
  }
});

test('the distribution is read from os-release', () => {
  expect(distributionOf('ID=debian\nVERSION_ID="12"\n')).toBe('apt');
  expect(distributionOf('ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe('apt');
  expect(distributionOf('ID="centos"\nID_LIKE="rhel fedora"\n')).toBe('dnf');
  expect(distributionOf('')).toBe('unknown');
  expect(installCommand('unknown', { apt: 'a', dnf: 'd' })).toBe('install the packages that Debian calls a');
});

test('free space is enough, scarce, or too little', () => {
  const status = (gib: number): string => judgeFreeSpace('/x', gib * 1024 ** 3).status;
  expect([40, 25, 24, 12, 11].map(status)).toEqual(['ok', 'ok', 'warning', 'warning', 'missing']);
});

test('findings are lines, with reason and fix where something is wrong', () => {
  const findings: Finding[] = [
    { id: 'podman', status: 'ok', found: '4.3.1', neededFor: 'images' },
    { id: 'tmt', status: 'missing', found: 'not found', neededFor: 'plans', fix: 'install it' },
  ];
  expect(describeFindings(findings)).toEqual([
    'ok       podman  4.3.1',
    'MISSING  tmt     not found',
    '                 for: plans',
    '                 fix: install it',
  ]);
  expect(isHealthy(findings)).toBe(false);
  expect(isHealthy(findings.slice(0, 1))).toBe(true);
});

test('KVM is what bcvk says it is, and no answer is not taken for one', () => {
  expect(judgeAccel('{"accel":"kvm","accel_reason":"a kernel boots"}')).toEqual({
    status: 'ok',
    found: 'a kernel boots',
  });
  expect(judgeAccel('{"accel":"tcg","accel_reason":"a kernel hangs"}')).toEqual({
    status: 'warning',
    found: 'guests are emulated (TCG): a kernel hangs',
  });
  expect(judgeAccel('{"domain_count":0}')).toEqual({
    status: 'warning',
    found: 'not known before a VM was made here',
  });
});
