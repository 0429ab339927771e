import { expect, test } from 'vitest';
import { readDomain } from './domain-info.ts';
import { type DomainDescription, domainXml } from './domain-xml.ts';

const plain: DomainDescription = {
  name: 'vm-one',
  uuid: '5a3e7f4c-0000-4000-8000-000000000001',
  accel: 'tcg',
  emulatedCpu: 'Nehalem',
  memoryMiB: 2048,
  cpus: 2,
  firmware: {
    kind: 'uefi',
    secure: false,
    codeFile: '/usr/share/OVMF/OVMF_CODE_4M.fd',
    codeFormat: 'raw',
    varsFile: '/state/vm-one/firmware-variables.fd',
    varsFormat: 'raw',
  },
  diskFile: '/state/vm-one/disk.qcow2',
  shares: [],
  laterShares: 0,
  virtiofsd: undefined,
  hasTpm: false,
  serialLog: '/logs/platform-console.txt',
  virtioLog: '/logs/console.txt',
  journalFile: undefined,
  initrdJournalFile: undefined,
  graphicalConsole: false,
  firmwareLog: false,
  metadata: {
    'source-image': 'localhost/bootc',
    'ssh-port': '2222',
    'ssh-private-key-base64': 'a2V5Cg==',
    label: 'a=1,b',
  },
  credentials: ['io.systemd.credential.binary:tmpfiles.extra=ZA=='],
  sshPort: 2222,
  ports: [{ hostPort: 8080, guestPort: 80 }],
};

test('a plain VM under TCG', async () => {
  await expect(domainXml(plain)).toMatchFileSnapshot('./golden/domain-tcg.xml');
});

test('a VM with everything under KVM', async () => {
  const full: DomainDescription = {
    ...plain,
    accel: 'kvm',
    firmware: { ...plain.firmware, secure: true } as DomainDescription['firmware'],
    shares: [{ folder: '/a & b', tag: 'hoststorage' }],
    virtiofsd: '/usr/libexec/virtiofsd',
    hasTpm: true,
    journalFile: '/logs/journal.json',
    initrdJournalFile: '/logs/journal-initrd.json',
    graphicalConsole: true,
    firmwareLog: true,
  };
  await expect(domainXml(full)).toMatchFileSnapshot('./golden/domain-full.xml');
});

test('BIOS needs no loader; and without shares memory is not shared', () => {
  const xml = domainXml({ ...plain, firmware: { kind: 'bios' } });
  expect(xml).not.toContain('<loader');
  expect(xml).not.toContain('memfd');
});

test('what is written is read back, with the names of the JSON', () => {
  expect(readDomain(domainXml(plain), 'running')).toEqual({
    info: {
      name: 'vm-one',
      state: 'running',
      image: 'localhost/bootc',
      created: null,
      memory_mb: 2048,
      vcpus: 2,
      disk_path: '/state/vm-one/disk.qcow2',
      labels: ['a=1', 'b'],
      ssh_port: 2222,
      has_ssh_key: true,
      ssh_private_key: 'key\n',
    },
    metadata: new Map(Object.entries(plain.metadata)),
    serialLog: '/logs/platform-console.txt',
    virtioLog: '/logs/console.txt',
  });
});

test("a domain of somebody else is none of ours, and memory in libvirt's own unit is understood", () => {
  expect(readDomain('<domain><name>x</name><memory unit="KiB">4</memory></domain>', 'running')).toBeUndefined();
  const ours = domainXml(plain).replace('<memory unit="MiB">2048', '<memory unit="KiB">2097152');
  expect(readDomain(ours, 'shut off')?.info).toMatchObject({ memory_mb: 2048, state: 'shut off' });
});
