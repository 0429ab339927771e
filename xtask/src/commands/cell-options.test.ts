import { expect, test } from 'vitest';
import { axes, axisList } from '../matrix/cell.ts';
import { cellFromArguments, cellOptions } from './cell-options.ts';

test('each axis has its option, with all its values in the help', () => {
  for (const axis of axisList) expect(cellOptions[axes[axis].option].type).toBe('string');
  expect(cellOptions.filesystem.describe).toBe('root file system; ext4, xfs, btrfs (BOOTC_filesystem)');
});

test('what is given is taken as it is, and what is not given stays open', () => {
  expect(cellFromArguments({ 'boot-type': 'uki', filesystem: undefined })).toEqual({
    bootType: { value: 'uki', from: '--boot-type' },
  });
});

test('--composefs-backend is the composefs variant', () => {
  const variant = { value: 'composefs', from: '--composefs-backend' };
  expect(cellFromArguments({ 'composefs-backend': true })).toEqual({ variant });
  expect(() => cellFromArguments({ 'composefs-backend': true, variant: 'ostree' })).toThrow(
    '--composefs-backend: contradicts --variant=ostree',
  );
});

test('an option given twice is refused', () => {
  expect(() => cellFromArguments({ filesystem: ['ext4', 'xfs'] })).toThrow('is given more than once: ext4, xfs');
});
