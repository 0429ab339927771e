import { join } from 'node:path';
import { run } from '@workbench/run';
import { expect, test } from 'vitest';
import { workspaceRoot } from '../settings/workspace.ts';
import type { Finding } from './finding.ts';

async function doctor(
  env: Record<string, string> = {},
): Promise<{ exitCode: number; healthy: boolean; findings: Finding[] }> {
  const argv: [string, ...string[]] = [process.execPath, join(workspaceRoot, 'xtask/src/main.ts'), 'doctor', '--json'];
  const { exitCode, stdout } = await run(argv, { step: 'ask the doctor', env, okExitCodes: [1] });
  return { exitCode, ...JSON.parse(stdout) };
}

test('of this machine all is looked at: tools, libvirt, firmware, KVM, room; and the exit status is the verdict', async () => {
  const { exitCode, healthy, findings } = await doctor();
  const ids = findings.map(({ id }) => id);
  for (const id of [
    'podman',
    'qemu',
    'virsh',
    'tmt',
    'cfsctl',
    'libvirt',
    'firmware',
    'virtiofsd',
    'kvm',
    'disk',
    'images',
  ]) {
    expect(ids).toContain(id);
  }
  // Whoever runs this test has the tools. How much room there is, and how long a busy machine takes, is not its matter.
  const lacking = findings.filter(
    ({ id, status, found }) =>
      status === 'missing' && !['disk', 'images'].includes(id) && !/did not finish/.test(found),
  );
  expect(lacking).toEqual([]);
  expect(findings.find(({ id }) => id === 'kvm')?.found).toMatch(
    /^(?:guests are emulated|not known|.*boots under KVM)/,
  );
  expect(exitCode).toBe(healthy ? 0 : 1);
});

test('a libvirt that does not answer is found, with what to do', async () => {
  const uri = 'qemu+unix:///system?socket=/no/such/socket';
  const { exitCode, healthy, findings } = await doctor({ LIBVIRT_DEFAULT_URI: uri });
  expect({ exitCode, healthy }).toEqual({ exitCode: 1, healthy: false });
  expect(findings.find(({ id }) => id === 'libvirt')).toMatchObject({
    status: 'missing',
    found: 'it does not answer',
    fix: expect.stringContaining('systemctl start libvirtd'),
  });
});
