import { expect, test } from 'vitest';
import { explainDifference } from './explain-difference.ts';

test('the first differences of two trees are told by path', () => {
  const sealed = '/ 10 40755 3 0 0 0 1.0 - - -\n/a 3 100644 1 0 0 0 1.0 - abc -\n/gone 0 100644 1 0 0 0 1.0 - - -\n';
  const imported =
    '/ 10 40755 3 0 0 0 1.0 - - -\n/a 4 100600 1 0 0 0 1.0 - abcd - x=y\n/new 0 100644 1 0 0 0 1.0 - - -\n';
  expect(explainDifference(sealed, imported)).toEqual([
    '~ /a: size 3 became 4, mode 100644 became 100600, content abc became abcd, xattr none became x=y',
    '- /gone: the sealed tree has it, the image has not',
    '+ /new: the image has it, the sealed tree has not',
  ]);
  const many = Array.from({ length: 30 }, (_, index) => `/f${index} 0\n`).join('');
  expect(explainDifference('', many).at(-1)).toBe('and 20 more');
  expect(explainDifference(many, many)).toEqual([]);
});
