import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '@workbench/run';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { domainXml } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import { createVirsh } from './virsh.ts';
import { createVmFolder, vmFiles, vmFolder } from './vm-folder.ts';

const name = `bcvk-interop-${process.pid}`;
const label = `interop=${process.pid}`;
const state = mkdtempSync(join(tmpdir(), 'bcvk-state-'));
const shared = mkdtempSync(join(tmpdir(), 'bcvk-shared-'));
const env = { BCVK_STATE_DIR: state, BCVK_RUNTIME_DIR: join(state, 'run'), BCVK_CACHE_DIR: join(state, 'cache') };
const virsh = createVirsh(undefined);

/** Runs the program as a user does. */
function bcvk(...args: string[]) {
  return run([process.execPath, join(import.meta.dirname, '../main.ts'), ...args], {
    step: 'run bcvk',
    env,
    okExitCodes: [0, 1, 2],
  });
}

async function defineVm(): Promise<void> {
  const folder = vmFolder(state, name);
  const files = vmFiles(folder);
  const share = join(files.shares, 'hoststorage');
  createVmFolder(folder, { connect: null, baseDiskKey: '0', readOnlyBinds: [{ from: shared, to: share }] });
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', files.disk, '64M'], { step: 'make a disk' });
  const firmware = findFirmware('insecure');
  copyFileSync(firmware.varsTemplate, files.firmwareVariables);
  const xml = domainXml({
    name,
    uuid: randomUUID(),
    accel: 'tcg',
    emulatedCpu: 'max',
    memoryMiB: 256,
    cpus: 1,
    firmware: { kind: 'uefi', secure: false, ...firmware, varsFile: files.firmwareVariables },
    diskFile: files.disk,
    shares: [{ folder: share, tag: 'hoststorage' }],
    laterShares: 0,
    virtiofsd: undefined,
    hasTpm: false,
    serialLog: join(state, 'platform-console.txt'),
    virtioLog: join(state, 'console.txt'),
    journalFile: join(state, 'journal.json'),
    initrdJournalFile: undefined,
    graphicalConsole: false,
    firmwareLog: false,
    metadata: {
      'source-image': 'localhost/x',
      label,
      'ssh-port': '2999',
      'ssh-private-key-base64': 'aw==',
    },
    credentials: [`io.systemd.credential.binary:tmpfiles.extra=${Buffer.from('d /x').toString('base64')}`],
    sshPort: 2999,
    ports: [],
  });
  writeFileSync(files.domain, xml);
  mkdirSync(join(state, 'cache'), { recursive: true });
  await virsh(['define', files.domain, '--validate'], 'define the VM');
}

beforeAll(async () => {
  writeFileSync(join(shared, 'a'), 'of the host');
  await defineVm();
});

afterAll(async () => {
  await bcvk('libvirt', 'rm', '--force', name);
});

test('libvirt takes our XML, and the VM is listed and inspected', async () => {
  const all = JSON.parse((await bcvk('libvirt', 'list', '--all', `--label=${label}`, '--format=json')).stdout);
  expect(all).toEqual([
    {
      name,
      state: 'shut off',
      image: 'localhost/x',
      created: null,
      memory_mb: 256,
      vcpus: 1,
      disk_path: vmFiles(vmFolder(state, name)).disk,
      labels: [label],
      ssh_port: 2999,
      has_ssh_key: true,
      ssh_private_key: 'k',
    },
  ]);
  expect(JSON.parse((await bcvk('libvirt', 'list', '--format=json')).stdout)).not.toContainEqual(all[0]);
  expect(JSON.parse((await bcvk('libvirt', 'inspect', name, '--format=json')).stdout)).toEqual(all[0]);
  expect((await bcvk('libvirt', 'inspect', name)).stdout).not.toContain('ssh_private_key');
});

test('an unknown VM is an error on standard error', async () => {
  const result = await bcvk('libvirt', 'inspect', 'no-such-vm', '--format=json');
  expect(result).toMatchObject({ exitCode: 1, stdout: '' });
  expect(result.stderr).toContain("VM 'no-such-vm' not found [VM_NOT_FOUND]");
});

test('a VM starts with its share read-only, stops, and leaves nothing but its logs when it is removed', async () => {
  const share = join(vmFiles(vmFolder(state, name)).shares, 'hoststorage');
  expect((await bcvk('libvirt', 'start', name)).stdout).toContain('started successfully');
  expect(() => writeFileSync(join(share, 'a'), 'changed')).toThrow('EROFS');
  expect((await bcvk('libvirt', 'ssh', '--user=x', 'no-such-vm', 'true')).exitCode).toBe(1);

  const running = await bcvk('libvirt', 'rm', name);
  expect(running).toMatchObject({ exitCode: 1 });
  expect(running.stderr).toContain('[VM_RUNNING]');

  expect((await bcvk('libvirt', 'stop', '--force', name)).stdout).toContain('stopped successfully');
  expect((await bcvk('libvirt', 'rm', '--force', name)).stdout).toContain('removed successfully');
  expect(existsSync(vmFolder(state, name))).toBe(false);
  expect(existsSync(join(shared, 'a'))).toBe(true);
  expect(existsSync(join(state, 'platform-console.txt'))).toBe(true);
  expect((await bcvk('libvirt', 'list', name)).exitCode).toBe(1);
});

test('what libvirt here can do', async () => {
  const status = JSON.parse((await bcvk('libvirt', 'status', '--format=json')).stdout);
  expect(status).toMatchObject({ supports_readonly_virtiofs: true, version: { major: expect.any(Number) } });
});

test('how guests run here is told with the reason', async () => {
  vi.stubEnv('BCVK_ACCEL', 'tcg');
  const status = JSON.parse((await bcvk('libvirt', 'status', '--format=json')).stdout);
  vi.unstubAllEnvs();
  expect(status).toMatchObject({ accel: 'tcg', accel_reason: 'BCVK_ACCEL says so' });
});

test('all VMs with a label are removed, but only by force', async () => {
  await defineVm();
  const asked = await bcvk('libvirt', 'rm-all', `--label=${label}`);
  expect(asked).toMatchObject({
    exitCode: 0,
    stdout: expect.stringContaining(`${name} (shut off), image localhost/x`),
  });
  expect(asked.stdout).toContain('Nothing was removed. Use --force.');
  expect((await bcvk('libvirt', 'rm-all', '--force', `--label=${label}`)).stdout).toBe(
    `VM '${name}' removed successfully\n`,
  );
  expect((await bcvk('libvirt', 'rm-all', '--force', `--label=${label}`)).stdout).toBe(
    `No VMs found with label '${label}'\n`,
  );
  expect(existsSync(vmFolder(state, name))).toBe(false);
});
