import { expect, test } from 'vitest';
import { defaultCell } from '../matrix/cell.ts';
import { workspaceRoot } from '../settings/workspace.ts';
import { debianBase, mmdebstrapCommand } from './base.ts';
import { buildArguments, needsUpgradeImages } from './build.ts';
import { podmanCommand } from './podman.ts';

test('the image build needs no network, takes the base as it is, and hands the cell on', () => {
  const context = { folder: 'target/image/context', systemInputs: '1a', inputs: '2b' };
  const args = buildArguments({ cell: defaultCell, base: 'localhost/some-base', context });
  expect(args.map((arg) => arg.replace(workspaceRoot, ''))).toEqual([
    'build',
    '--network=none',
    '--pull=never',
    '--target=bls',
    '--tag=localhost/bootc',
    '--build-arg=base=localhost/some-base',
    '--build-arg=system_inputs=1a',
    '--build-arg=kind=composefs/systemd/bls',
    '--file=/images/Containerfile',
    'target/image/context',
  ]);
});

test('an image of our own base may have nothing to warn of', () => {
  const context = { folder: 'f', systemInputs: '1a', inputs: '2b' };
  const args = buildArguments({ cell: defaultCell, base: debianBase.name, context });
  expect(args).toContain('--build-arg=lint=--fatal-warnings');
});

test('an image to upgrade to differs in its marker and in its name', () => {
  const cell = { ...defaultCell, bootType: 'uki' } as const;
  const inputs = { cell, base: 'localhost/some-base', context: { folder: 'f', systemInputs: '1a', inputs: '2b' } };
  const [tested, next] = [buildArguments(inputs), buildArguments({ ...inputs, upgrade: 2 })];
  expect(next.filter((arg) => !tested.includes(arg))).toEqual([
    '--tag=localhost/bootc-upgrade:2',
    '--build-arg=upgrade=2',
  ]);
  expect(tested.filter((arg) => !next.includes(arg))).toEqual(['--tag=localhost/bootc']);
  expect([needsUpgradeImages(cell), needsUpgradeImages(defaultCell)]).toEqual([true, false]);
});

test('the base is made of the listed packages, and names no mirror', () => {
  const command = mmdebstrapCommand(debianBase, ['systemd', 'podman'], 'base.tar');
  expect(command.slice(-3)).toEqual(['--include=systemd,podman', 'trixie', 'base.tar']);
  expect(command.join(' ')).not.toMatch(/https?:/);
});

test('podman is told how to run containers only where no systemd makes cgroups', () => {
  expect(podmanCommand(['build', '.'], true)).toEqual(['podman', 'build', '.']);
  expect(podmanCommand(['build', '.'], false)).toEqual([
    'podman',
    '--cgroup-manager=cgroupfs',
    '--runtime=runc',
    'build',
    '.',
  ]);
});
