import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { findNode, openRepository, readFileNode, readImagePart } from '@workbench/composefs';
import { dirSync } from 'tmp-promise';
import { afterAll, expect, onTestFinished, test } from 'vitest';
import type { DeploymentRecord } from '../storage/root-model.ts';
import { bootableFiles, deploy, makeTestSystem, writeImageLayout } from '../storage/test-system.testing.ts';
import { isSoftRebootCapable } from './soft-reboot.ts';
import { policyOf } from './soft-reboot-facts.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'soft-reboot-' });
afterAll(() => folder.removeCallback());

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

test('with SELinux the policies have to be known and equal', () => {
  const other = deployment('bb', 'rw composefs=bb console=ttyS0');
  const judge = (policies?: [string, string][]) =>
    isSoftRebootCapable(booted, other, {
      isSelinuxEnabled: true,
      ...(policies === undefined ? {} : { policies: new Map(policies) }),
    });
  expect(judge()).toBe(false);
  expect(judge([['aa', 'p']])).toBe(false);
  expect(
    judge([
      ['aa', 'p'],
      ['bb', 'q'],
    ]),
  ).toBe(false);
  expect(
    judge([
      ['aa', 'p'],
      ['bb', 'p'],
    ]),
  ).toBe(true);
  expect(
    judge([
      ['aa', ''],
      ['bb', ''],
    ]),
  ).toBe(true);
});

test('unified kernel images by the command lines in them', () => {
  const unified = (id: string): DeploymentRecord => {
    const { entries, ...rest } = deployment(id, '');
    const target = { kind: 'efi', key: 'uki', path: '/x.efi' } as const;
    return { ...rest, entries: entries.map((entry) => ({ ...entry, entry: { version: '1', target } })) };
  };
  const judge = (commandLines: [string, string][]) =>
    isSoftRebootCapable(unified('aa'), unified('bb'), { ...system, commandLines: new Map(commandLines) });
  expect(judge([['aa', 'rw composefs=aa']])).toBe(false);
  expect(
    judge([
      ['aa', 'rw composefs=aa'],
      ['bb', 'ro composefs=bb'],
    ]),
  ).toBe(false);
  expect(
    judge([
      ['aa', 'rw composefs=aa'],
      ['bb', 'rw composefs=bb'],
    ]),
  ).toBe(true);
});

test('the policy is the file of the highest version that the configuration leads to', async () => {
  const source = writeImageLayout(join(folder.name, 'image'), {
    ...bootableFiles('1'),
    'etc/selinux/config': '# of the image\nSELINUX=enforcing\nSELINUXTYPE=targeted\n',
    'etc/selinux/targeted/contexts/files/file_contexts': '/.* system_u:object_r:default_t:s0\n',
    'etc/selinux/targeted/policy/policy.9': 'old'.repeat(100),
    'etc/selinux/targeted/policy/policy.33': 'new'.repeat(100),
    'etc/selinux/targeted/policy/policy.33.bak': 'other'.repeat(100),
  });
  const testSystem = await makeTestSystem();
  onTestFinished(() => rmSync(testSystem.directory, { recursive: true }));
  const { id } = await deploy(testSystem, source);
  await using repository = await openRepository(testSystem.repositoryPath);
  const tree = readImagePart(repository, id, ['etc/selinux', 'usr/share']);
  const read = async (file: Parameters<typeof readFileNode>[1]) => (await readFileNode(repository, file)).toString();
  const policy = await policyOf(tree, read);
  const file = findNode(tree, 'etc/selinux/targeted/policy/policy.33');
  expect(policy).toBe(file?.type === 'file' && file.content.kind === 'external' ? file.content.digest : undefined);
  expect(await policyOf(readImagePart(repository, id, ['usr/share']), read)).toBe('');
});
