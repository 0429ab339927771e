import { CodedError, run } from '@workbench/run';
import { expect, test } from 'vitest';
import { formatError } from './error-line.ts';

const plain = { isTerminal: false };

test('one line from the outermost cause to the innermost, then what to do', () => {
  const inner = new CodedError('INNER', 'the disk is full', { hint: 'make\n  room' });
  const error = new CodedError('OUTER', 'staging failed', { cause: new Error('writing the kernel', { cause: inner }) });
  expect(formatError(error, plain)).toBe(
    'error: staging failed: writing the kernel: the disk is full\n  help: make; room\n',
  );
});

test('a cause that is already told is not told again', () => {
  const error = new CodedError('X', 'a: broken pipe', { cause: new Error('broken pipe') });
  expect(formatError(error, plain)).toBe('error: a: broken pipe\n');
});

test('several lines become one', () => {
  expect(formatError(new CodedError('X', 'a\n  b\n\nc'), plain)).toBe('error: a; b; c\n');
});

test('a failed command: what for, how, and its last words', async () => {
  const error = await run(['sh', '-c', 'echo one >&2; echo two >&2; exit 3'], { step: 'try it' }).catch(
    (e: unknown) => e,
  );
  expect(formatError(error, plain)).toBe('error: try it: sh exited with 3: one; two\n');
});

test('an error of the system has no stack, a bug has', () => {
  const system = Object.assign(new Error("ENOENT: no such file or directory, open '/x'"), { syscall: 'open' });
  expect(formatError(system, plain)).toBe("error: ENOENT: no such file or directory, open '/x'\n");
  expect(formatError(new TypeError('x is undefined'), plain)).toMatch(/^error: x is undefined\nTypeError: .*\n {4}at /);
});

test('colour only on a terminal', () => {
  const error = new CodedError('X', 'a');
  expect(formatError(error, plain)).not.toContain('\u001b');
  expect(formatError(error, { isTerminal: true })).toBe('\u001b[31merror:\u001b[0m a\n');
});
