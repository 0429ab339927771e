import { expect, test } from 'vitest';
import { installedKernelArguments, type KernelArgumentSources } from './installed-kernel-arguments.ts';

const id = 'ab'.repeat(64);
const none: KernelArgumentSources = {
  configuration: [],
  commandLine: [],
  isSelinuxDisabled: false,
  composefs: { deploymentId: id, isMissingVerityAllowed: false },
  image: [],
  deletes: [],
};

test('a discoverable root needs no root argument', () => {
  expect(installedKernelArguments({ ...none, image: ['console=ttyS0,115200n8'] })).toEqual([
    'rw',
    `composefs=${id}`,
    'console=ttyS0,115200n8',
  ]);
});

test('every source, in order, each parameter once', () => {
  expect(
    installedKernelArguments({
      rootSpec: 'UUID=7d444840-9dc0-41d1-b245-5ffdce74fad2',
      configuration: ['quiet audit=0'],
      commandLine: ['console=hvc0 quiet', 'dyndbg="file drivers/usb/core/hub.c +p"'],
      isSelinuxDisabled: true,
      composefs: { deploymentId: id, isMissingVerityAllowed: true },
      image: ['console=hvc0', 'console=ttyS0'],
      deletes: [],
    }),
  ).toEqual([
    'root=UUID=7d444840-9dc0-41d1-b245-5ffdce74fad2',
    'rw',
    'quiet',
    'audit=0',
    'console=hvc0',
    'dyndbg="file drivers/usb/core/hub.c +p"',
    'selinux=0',
    `composefs=?${id}`,
    'console=ttyS0',
  ]);
});

test('deletions take out a key or one parameter, and - is _', () => {
  const sources = {
    ...none,
    commandLine: ['console=ttyS0 console=hvc0 systemd.log-level=debug quiet'],
    image: ['quiet', 'mitigations=off'],
    deletes: ['console=ttyS0 systemd.log_level', 'mitigations=auto', 'quiet'],
  };
  expect(installedKernelArguments(sources)).toEqual(['rw', 'console=hvc0', `composefs=${id}`, 'mitigations=off']);
});

test('composefs is not deleted', () => {
  for (const unwanted of ['composefs', `composefs=${id}`]) {
    expect(() => installedKernelArguments({ ...none, deletes: [unwanted] })).toThrow('cannot be deleted');
  }
});
