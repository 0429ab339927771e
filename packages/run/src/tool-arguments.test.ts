import { afterEach, expect, test, vi } from 'vitest';
import { readToolArguments } from './tool-arguments.ts';

const tool = {
  usage: 'just bench [CASE…]',
  about: 'Measures.',
  options: { rounds: { type: 'string', default: '5', describe: 'how many' } },
  takesWords: true,
} as const;

afterEach(() => void vi.restoreAllMocks());

test('options and words are told apart', () => {
  expect(readToolArguments(tool, ['a', '--rounds=7'])).toMatchObject({ values: { rounds: '7' }, positionals: ['a'] });
  expect(readToolArguments(tool, [])).toMatchObject({ values: { rounds: '5' }, positionals: [] });
});

test('help is printed, and nothing else is to be done', () => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  expect(readToolArguments(tool, ['a', '--help'])).toBeUndefined();
  expect(write.mock.lastCall?.[0]).toBe(
    'just bench [CASE…]\n\nMeasures.\n\nOptions:\n  --rounds     how many\n  --help       show this\n',
  );
});

test.each([
  [tool, ['--round=1'], "Unknown option '--round'"],
  [{ ...tool, takesWords: undefined }, ['word'], 'Unexpected argument'],
])('what a tool does not know is refused in one line', (described, argv, message) => {
  const { takesWords, ...rest } = described;
  const whole = takesWords === undefined ? rest : { ...rest, takesWords };
  expect(() => readToolArguments(whole, argv)).toThrow(
    expect.objectContaining({
      code: 'BAD_COMMAND_LINE',
      exitCode: 2,
      hint: 'just bench --help',
      message: expect.stringContaining(message),
    }),
  );
});
