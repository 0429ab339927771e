import { expect, test } from 'vitest';
import { emulatedCpu, scaleDeadline } from './accel.ts';
import { chooseAccel, probeArguments, probeKey } from './probe.ts';

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
