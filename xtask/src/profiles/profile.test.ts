import { fileURLToPath } from 'node:url';
import { CodedError } from '@workbench/run';
import { expect, test } from 'vitest';
import { resolveSettings } from '../matrix/resolve.ts';
import { listProfiles, loadProfile, parseProfile } from './profile.ts';

const shipped = fileURLToPath(new URL('../../../vm-profiles', import.meta.url));

function problemsOf(text: string): string[] {
  try {
    parseProfile(text, 'p.yaml');
  } catch (error) {
    if (error instanceof CodedError && error.exitCode === 2)
      return error.message.split('\n').map((line) => line.trim());
    throw error;
  }
  throw new Error('expected the profile to be refused');
}

test('each shipped profile is valid and makes a cell that can exist', async () => {
  const names = await listProfiles(shipped);
  expect(names).toEqual(['ci', 'daily', 'default', 'low-memory', 'sealed']);
  for (const name of names) {
    const profile = await loadProfile(shipped, name);
    expect(profile.name).toBe(name);
    expect(() => resolveSettings({ profile: profile.cell })).not.toThrow();
  }
});

test('each value of the cell knows its line and column', () => {
  const profile = parseProfile('description: x\ncell:\n  boot_type: uki\n  filesystem: btrfs\n', 'p.yaml');
  expect(profile.cell).toEqual({
    bootType: { value: 'uki', from: 'p.yaml:3:14' },
    filesystem: { value: 'btrfs', from: 'p.yaml:4:15' },
  });
});

test('all problems are shown at once, each with its place and what was likely meant', () => {
  const text = [
    'cell:',
    '  filesystem: ext3',
    '  boot-type: uki',
    'resources:',
    '  memory: 4 GB',
    '  vcpus: 0',
    'kernel_argument: [quiet]',
  ].join('\n');
  expect(problemsOf(text)).toEqual([
    'the VM profile is not valid',
    'p.yaml:2:15  cell.filesystem must be one of ext4, xfs, btrfs',
    'p.yaml:3:3  cell.boot-type is unknown: did you mean boot_type?',
    'p.yaml:5:11  resources.memory: a size is a whole number followed by M or G, for example 4G',
    expect.stringMatching(/^p\.yaml:6:10 {2}resources\.vcpus: /),
    'p.yaml:7:1  kernel_argument is unknown: did you mean kernel_arguments?',
  ]);
});

test('broken YAML and a file that is no map have a place too', () => {
  expect(problemsOf('cell: {filesystem: ext4')[0]).toMatch(/^p\.yaml:1:\d+ {2}/);
  expect(problemsOf('- a\n')[0]).toMatch(/^p\.yaml:1:1 {2}the file: /);
});

test('an empty file is a profile that changes nothing', () => {
  expect(parseProfile('', 'empty.yaml')).toEqual({ name: 'empty', file: 'empty.yaml', cell: {} });
});

test('an unknown profile is refused with the likely name', async () => {
  const error = await loadProfile(shipped, 'low-mem').catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'PROFILE_UNKNOWN', exitCode: 2, hint: 'did you mean low-memory?' });
});
