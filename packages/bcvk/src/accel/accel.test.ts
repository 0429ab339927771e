import { expect, test } from 'vitest';
import { emulatedCpu, scaleDeadline } from './accel.ts';
import { accelOfHost, chooseAccel, lastAnswer, probeArguments, probeKey } from './probe.ts';

const options = { cacheFolder: '/nowhere', logFile: '/nowhere/probe.log' };

test('a processor without wide vectors is emulated only where the image can run on it', () => {
  const levels = [1, 2, 3, 4, undefined];
  expect(levels.map((level) => emulatedCpu(level))).toEqual(['Nehalem', 'Nehalem', 'max', 'max', 'max']);
});

test('deadlines are longer where guests are emulated', () => {
  expect(scaleDeadline(10_000, 'kvm')).toBe(10_000);
  expect(scaleDeadline(10_000, 'tcg')).toBe(30_000);
});

test('BCVK_ACCEL is obeyed without looking, and an unknown value is an error', async () => {
  expect(await chooseAccel({ ...options, override: 'tcg' })).toEqual({ accel: 'tcg', reason: 'BCVK_ACCEL says so' });
  expect((await chooseAccel({ ...options, override: 'kvm' })).accel).toBe('kvm');
  await expect(chooseAccel({ ...options, override: 'xen' })).rejects.toMatchObject({ code: 'BAD_ACCEL' });
});

test('the probe boots a kernel that must come to its missing root, and dies with this program', () => {
  const words = probeArguments('/image/vmlinuz').join(' ');
  expect(words).toMatch(/^setpriv --pdeathsig KILL qemu-system-x86_64 /);
  expect(words).toContain('-accel kvm -cpu host');
  expect(words).toContain('-no-reboot -serial stdio -kernel /image/vmlinuz');
});

test('an answer holds for one host kernel, one QEMU and one guest kernel', () => {
  expect(probeKey({ hostKernel: '6.1', qemuVersion: '7.2', guestKernelSha256: 'ab' })).toBe(
    'host 6.1, qemu 7.2, guest kernel sha256:ab',
  );
});

test('of a host the last answer counts, whatever kernel it was for; none of another host or QEMU does', () => {
  const of = (hostKernel: string, qemuVersion: string, guestKernelSha256: string) =>
    probeKey({ hostKernel, qemuVersion, guestKernelSha256 });
  const stored = {
    [of('6.1', '7.2', 'aa')]: { accel: 'tcg', reason: 'it hangs' },
    [of('6.1', '7.2', 'bb')]: { accel: 'kvm', reason: 'it boots' },
    [of('6.1', '7.3', 'aa')]: { accel: 'tcg', reason: 'another QEMU' },
    [of('6.10', '7.2', 'aa')]: { accel: 'tcg', reason: 'another kernel' },
  } as const;
  expect(lastAnswer(stored, { hostKernel: '6.1', qemuVersion: '7.2' })?.reason).toBe('it boots');
  expect(lastAnswer(stored, { hostKernel: '5.0', qemuVersion: '7.2' })).toBeUndefined();
});

test('what BCVK_ACCEL says is so for the host, too', async () => {
  expect(await accelOfHost({ ...options, override: 'kvm' }, [])).toEqual({
    accel: 'kvm',
    reason: 'BCVK_ACCEL says so',
  });
  await expect(accelOfHost({ ...options, override: 'xen' }, [])).rejects.toMatchObject({ code: 'BAD_ACCEL' });
});
