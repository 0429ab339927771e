import { expect, test } from 'vitest';
import {
  addKernelArguments,
  findComposefsArgument,
  findKernelArgument,
  isSameKernelArgument,
  parseKernelArguments,
  removeKernelArguments,
  setComposefsArgument,
} from './kernel-arguments.ts';

test('blanks inside double quotes do not separate', () => {
  expect(parseKernelArguments(' rw  a="b c" "d=e f" x="y\n')).toEqual(['rw', 'a="b c"', '"d=e f"', 'x="y\n']);
  expect(parseKernelArguments('')).toEqual([]);
});

test.each([
  ['foo-bar=1', 'foo_bar=1', true],
  ['foo=a-b', 'foo=a_b', false],
  ['foo', 'foo=', false],
  ['a="b"', '"a=b"', true],
])('%s and %s the same: %s', (a, b, same) => {
  expect(isSameKernelArgument(a, b)).toBe(same);
});

test('adding skips what is there, removing is exact', () => {
  const args = addKernelArguments(['rw', 'console=tty0'], ['console=ttyS0', 'rw', 'console=tty0', 'quiet', 'quiet']);
  expect(args).toEqual(['rw', 'console=tty0', 'console=ttyS0', 'quiet']);
  expect(removeKernelArguments(args, ['console=tty0', 'quiet=1'])).toEqual(['rw', 'console=ttyS0', 'quiet']);
});

test('the first match with a value is found', () => {
  expect(findKernelArgument(['rd-x', 'rd_x=1', 'rd-x=2'], 'rd-x')).toBe('1');
  expect(findKernelArgument(['rd'], 'rd')).toBeUndefined();
});

test('the composefs parameter', () => {
  expect(findComposefsArgument(['rw', 'composefs=?ab', 'composefs=cd'])).toEqual({
    deploymentId: 'ab',
    isMissingVerityAllowed: true,
  });
  expect(findComposefsArgument(['composefs', 'composefs.digest=ab'])).toBeUndefined();
  expect(findComposefsArgument(['composefs='])).toBeUndefined();
  const next = { deploymentId: 'ef', isMissingVerityAllowed: false };
  expect(setComposefsArgument(['rw', 'composefs=ab', 'quiet', 'composefs=cd'], next)).toEqual([
    'rw',
    'composefs=ef',
    'quiet',
  ]);
  expect(setComposefsArgument(['rw'], { ...next, isMissingVerityAllowed: true })).toEqual(['rw', 'composefs=?ef']);
});
