import { expect, test } from 'vitest';
import type { DeploymentRecord } from '../storage/root-model.ts';
import { isSoftRebootCapable } from './soft-reboot.ts';

function deployment(id: string, options: string, bootDigest = 'd1'): DeploymentRecord {
  const target = { kind: 'linux', linux: '/k', initrds: [], options } as const;
  return {
    id,
    entries: [
      {
        fileName: `${id}.conf`,
        set: 'active',
        entry: { version: '1', target },
        deploymentId: id,
        artifactName: id,
        missingFiles: [],
      },
    ],
    hasState: true,
    origin: { bootType: 'bls', bootDigest },
    problems: [],
  };
}

const system = { isSelinuxEnabled: false };
const booted = deployment('aa', 'rw composefs=aa console=ttyS0');

test.each([
  ['the same arguments', deployment('bb', 'rw composefs=bb console=ttyS0'), true],
  ['another order', deployment('bb', 'console=ttyS0 composefs=bb rw'), true],
  ['another argument', deployment('bb', 'rw composefs=bb console=ttyS1'), false],
  ['one more argument', deployment('bb', 'rw composefs=bb console=ttyS0 quiet'), false],
  ['another kernel', deployment('bb', 'rw composefs=bb console=ttyS0', 'd2'), false],
  ['itself', booted, false],
])('%s', (_, other, capable) => {
  expect(isSoftRebootCapable(booted, other, system)).toBe(capable);
});

test('not with SELinux', () => {
  const other = deployment('bb', 'rw composefs=bb console=ttyS0');
  expect(isSoftRebootCapable(booted, other, { isSelinuxEnabled: true })).toBe(false);
});
