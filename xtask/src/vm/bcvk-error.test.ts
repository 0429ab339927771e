import { CodedError, CommandError } from '@workbench/run';
import { expect, test } from 'vitest';
import { bcvkError } from './bcvk-error.ts';

function failed(stderr: string): CommandError {
  return new CommandError('bcvk exited with 1', { failure: 'exit', exitCode: 1, stderr });
}

test('the words, code and hint of bcvk are those of the error', () => {
  const error = bcvkError(failed('note\nerror: libvirt does not answer [LIBVIRT_UNREACHABLE]\n  help: start it\n'));
  expect(error).toMatchObject({ code: 'LIBVIRT_UNREACHABLE', message: 'libvirt does not answer', hint: 'start it' });
});

test('an error in another form stays what it is', () => {
  for (const error of [failed('error: Domain not found\n'), new CodedError('OTHER', 'x'), 'x']) {
    expect(bcvkError(error)).toBe(error);
  }
});
