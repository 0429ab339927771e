import { expect, test } from 'vitest';
import { listNames } from '../tmt/fmf-nodes.ts';
import { bcvkOptions } from './bcvk-options.ts';
import { axisList, cellSlug, defaultCell, everyRawCell, formatCell } from './cell.ts';
import { ciMatrix, planGroups } from './ci-matrix.ts';
import { imageBuildArguments, imageKind, isBuiltHere } from './image-arguments.ts';
import { brokenRules, cellRules, everyValidCell, nearestValidCell } from './rules.ts';

test('each of the 48 raw cells is accepted, or refused with all its rules and the nearest valid cell', async () => {
  const raw = everyRawCell();
  expect(new Set(raw.map((cell) => JSON.stringify(cell))).size).toBe(48);
  const verdicts = raw.map((cell) => {
    const written = axisList.map((axis) => cell[axis]).join('/');
    const broken = brokenRules(cell);
    return broken.length === 0
      ? `${written}: yes`
      : `${written}: ${broken.map(({ id }) => id).join(' ')} -> ${formatCell(nearestValidCell(cell))}`;
  });
  await expect(`${verdicts.sort().join('\n')}\n`).toMatchFileSnapshot('golden/all-48-cells.txt');
});

test('the nearest valid cell is valid, and is the cell itself when that is valid', () => {
  for (const cell of everyRawCell()) expect(brokenRules(nearestValidCell(cell))).toEqual([]);
  for (const cell of everyValidCell()) expect(nearestValidCell(cell)).toEqual(cell);
});

test('each rule refuses at least one cell that no other rule refuses', () => {
  for (const rule of cellRules) {
    expect(everyRawCell().some((cell) => brokenRules(cell).length === 1 && rule.broken(cell))).toBe(true);
  }
});

test('the default cell can exist', () => {
  expect(brokenRules(defaultCell)).toEqual([]);
  expect(formatCell(defaultCell)).toBe('composefs/systemd/bls/unsealed/ext4');
  expect(formatCell({ ...defaultCell, variant: 'ostree' })).toBe('ostree');
});

test.each(everyValidCell().map((cell) => [cellSlug(cell), cell] as const))(
  '%s maps to its golden options',
  async (slug, cell) => {
    const text = [
      'bcvk libvirt run',
      ...bcvkOptions(cell, { secureBootKeysDir: 'KEYS' }).map((option) => `  ${option}`),
      'podman build',
      ...imageBuildArguments(cell).map((option) => `  ${option}`),
      `image of kind ${imageKind(cell)}`,
      '',
    ].join('\n');
    await expect(text).toMatchFileSnapshot(`golden/${slug}.txt`);
  },
);

test('fs-verity may be missing only where asked for, kernel arguments keep their order', () => {
  const wishes = { secureBootKeysDir: 'KEYS', allowMissingFsverity: true, kernelArguments: ['a=1', 'b="x y"'] };
  expect(bcvkOptions(defaultCell, wishes)).toEqual([
    '--firmware=uefi-insecure',
    '--disable-tpm',
    '--composefs-backend',
    '--bootloader=systemd',
    '--filesystem=ext4',
    '--allow-missing-fsverity',
    '--karg=a=1',
    '--karg=b="x y"',
  ]);
});

test('the CI matrix has each cell whose image is built here, and gives each cell one group', () => {
  const { include } = ciMatrix();
  expect(new Set(include.map(({ cell }) => cell))).toEqual(
    new Set(everyValidCell().filter(isBuiltHere).map(formatCell)),
  );
  expect(new Set(include.map(({ name }) => name)).size).toBe(include.length);
  const groups = ciMatrix(everyValidCell()).include.map(({ cell, group, plans }) => `${cell} ${group}: ${plans}`);
  expect(groups).toContain('composefs/systemd/uki/sealed/ext4 sealed: readonly image-upgrade-reboot upgrade/rollback');
  expect(groups).toContain('composefs/grub/bls/unsealed/xfs all: ');
  expect(groups).toHaveLength(everyValidCell().length);
});

test('each filter of the CI matrix names a plan that exists', async () => {
  const plans = await listNames('plan', '.');
  for (const filter of planGroups.flatMap(({ plans: filters }) => filters)) {
    expect(plans.some((name) => name.includes(filter))).toBe(true);
  }
});
