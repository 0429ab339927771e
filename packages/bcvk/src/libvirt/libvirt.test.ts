import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { matchDescriptor } from './firmware.ts';
import { checkPortsFree, chooseSshPort, parsePortMapping } from './ports.ts';
import { checkLabels, checkVmName, generateVmName, parseHostFolder, parseLogDir } from './run-options.ts';
import { enrolArguments } from './secure-boot.ts';
import { sshArguments } from './ssh-command.ts';
import { parseLibvirtVersion } from './status.ts';

const folder = () => mkdtempSync(join(tmpdir(), 'host-'));

test('ports of other VMs and of other programs are passed over', async () => {
  expect(await chooseSshPort(new Set([2222, 2223]), async (port) => port !== 2224)).toBe(2225);
  await expect(chooseSshPort(new Set(), async () => false)).rejects.toMatchObject({ code: 'NO_FREE_PORT' });
});

test('port mappings', async () => {
  expect(parsePortMapping('8080:80')).toEqual({ hostPort: 8080, guestPort: 80 });
  for (const wrong of ['8080', 'a:80', '0:80', '1:65536', '1:2:3']) {
    expect(() => parsePortMapping(wrong)).toThrow('is no port mapping');
  }
  const twice = [parsePortMapping('48080:80'), parsePortMapping('48080:81')];
  await expect(checkPortsFree(twice)).rejects.toThrow('host port 48080 is asked for twice');
});

test('--log-dir names streams and a folder', () => {
  expect(parseLogDir('journal,console=/logs/')).toEqual({
    console: '/logs/console.txt',
    platformConsole: '/logs/platform-console.txt',
    journal: '/logs/journal.json',
    initrdJournal: '/logs/journal-initrd.json',
  });
  expect(parseLogDir('journal=/logs').console).toBeUndefined();
  expect(parseLogDir(undefined).journal).toBeUndefined();
  for (const wrong of ['/logs', 'console', 'console=logs', 'serial=/logs', '=/logs']) {
    expect(() => parseLogDir(wrong)).toThrow('does not name streams');
  }
});

test('shares', () => {
  const host = folder();
  expect(parseHostFolder(`${host}:/mnt/x`, 'bind')).toEqual({ host, guest: '/mnt/x' });
  expect(parseHostFolder(`${host}:tag`, 'volume')).toEqual({ host, guest: 'tag' });
  expect(() => parseHostFolder(`${host}:tag`, 'bind')).toThrow('tag is no absolute path');
  expect(() => parseHostFolder(`${host}/none:tag`, 'volume')).toThrow('there is no folder');
  expect(() => parseHostFolder(host, 'bind')).toThrow('two parts are needed');
});

test('names and labels', () => {
  expect(generateVmName('quay.io/a/my.os:42', new Set(['my-os']))).toBe('my-os-2');
  expect(generateVmName('localhost/bootc@sha256:abc', new Set())).toBe('bootc');
  expect(() => checkVmName('../x')).toThrow('cannot be the name');
  expect(() => checkVmName('-x')).toThrow('cannot be the name');
  checkVmName('bootc-tmt_1.2+a');
  expect(() => checkLabels(['a=1', 'a,b'])).toThrow("'a,b' cannot be a label");
});

test('several words of a command arrive as they are, one word is for the remote shell', () => {
  const options = {
    user: 'root',
    port: 2222,
    keyFile: '/k',
    strictHostKeys: false,
    connectTimeoutSeconds: 5,
    logLevel: 'ERROR',
    extraOptions: ['ForwardAgent=no'],
  };
  const words = sshArguments(options, ['echo', 'a  b']);
  expect(words.slice(0, 5)).toEqual(['ssh', '-i', '/k', '-p', '2222']);
  expect(words.slice(-3)).toEqual(['root@127.0.0.1', '--', "echo 'a  b'"]);
  expect(words).toEqual(
    expect.arrayContaining(['IdentitiesOnly=yes', 'UserKnownHostsFile=/dev/null', 'ForwardAgent=no']),
  );
  expect(sshArguments(options, ['echo $HOME']).at(-1)).toBe('echo $HOME');
  expect(sshArguments({ ...options, strictHostKeys: true }, []).at(-1)).toBe('root@127.0.0.1');
  expect(() => sshArguments({ ...options, extraOptions: ['x'] }, [])).toThrow("'x' is no ssh option");
});

test('firmware is told apart by its features', () => {
  const descriptor = (features: string[], machines = ['pc-q35-*']) =>
    JSON.stringify({
      'interface-types': ['uefi'],
      mapping: {
        device: 'flash',
        executable: { filename: '/code.fd', format: 'raw' },
        'nvram-template': { filename: '/vars.fd', format: 'raw' },
      },
      targets: [{ architecture: 'x86_64', machines }],
      features,
    });
  const files = { codeFile: '/code.fd', codeFormat: 'raw', varsTemplate: '/vars.fd', varsFormat: 'raw' };
  expect(matchDescriptor(descriptor(['acpi-s3']), 'insecure')).toEqual(files);
  expect(matchDescriptor(descriptor(['secure-boot', 'requires-smm']), 'secure')).toEqual(files);
  expect(matchDescriptor(descriptor(['secure-boot', 'enrolled-keys']), 'secure-enrolled')).toEqual(files);
  expect(matchDescriptor(descriptor(['secure-boot', 'enrolled-keys']), 'secure')).toBeUndefined();
  expect(matchDescriptor(descriptor(['intel-tdx']), 'insecure')).toBeUndefined();
  expect(matchDescriptor(descriptor([], ['microvm']), 'insecure')).toBeUndefined();
  expect(matchDescriptor('{', 'insecure')).toBeUndefined();
});

test('Secure Boot keys are enrolled with their owner, and none may be missing', () => {
  const keys = folder();
  const files = { template: '/vars.fd', output: '/vm.fd' };
  expect(() => enrolArguments('virt-fw-vars', keys, files)).toThrow('lacks PK.crt, KEK.crt, db.crt, GUID.txt');
  for (const name of ['PK.crt', 'KEK.crt', 'db.crt']) writeFileSync(join(keys, name), '');
  writeFileSync(join(keys, 'GUID.txt'), '1234\n');
  expect(enrolArguments('virt-fw-vars', keys, files).join(' ')).toBe(
    `virt-fw-vars --input /vars.fd --output /vm.fd --secure-boot --set-pk 1234 ${keys}/PK.crt` +
      ` --add-kek 1234 ${keys}/KEK.crt --add-db 1234 ${keys}/db.crt`,
  );
});

test("libvirt's version", () => {
  const output = 'Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\n';
  expect(parseLibvirtVersion(output)).toEqual({ major: 9, minor: 0, micro: 0, full_version: '9.0.0' });
  expect(parseLibvirtVersion('')).toBeNull();
});
