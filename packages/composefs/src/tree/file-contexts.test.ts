import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileFileContexts, type TypeLetter } from './file-contexts.ts';

// Alternatives, optional characters, escapes and classes: what a stem must not be taken from.
const patterns = [
  '/usr/lib(/.*)?',
  '/usr/lib/x|/etc/y',
  '/usr/libx?',
  '/usr/lib\\.d/.*',
  '/usr/l[ij]b/x',
  '/(usr|etc)/lib/x',
  '/usr/lib/x+y',
  '/.*',
  '/usr/lib/x',
  '/etc/[(]|/usr/lib/b',
  '/usr/lib/(a|b)',
  '[/]usr/lib/x',
];
const paths = [
  '/',
  '/usr/lib',
  '/usr/lib/x',
  '/usr/libx',
  '/usr/lib.d/q',
  '/usr/lib/xxy',
  '/etc/y',
  '/etc/lib/x',
  '/usr/lib/b',
];

test('the label is that of the last line that matches, whatever lines are tried first', () => {
  const line = fc.record({ pattern: fc.constantFrom(...patterns), type: fc.constantFrom('', '--', '-d') });
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 12 }),
      fc.constantFrom(...paths),
      fc.constantFrom('-', 'd'),
      (lines, path, type) => {
        const text = lines.map((rule, index) => `${rule.pattern} ${rule.type} label${index}`).join('\n');
        const matching = lines.findLastIndex(
          (rule) => new RegExp(`^(?:${rule.pattern})$`).test(path) && (rule.type === '' || rule.type === `-${type}`),
        );
        const find = compileFileContexts([{ name: 'contexts', text }]);
        expect(find(path, type as TypeLetter)).toBe(matching < 0 ? undefined : `label${matching}`);
      },
    ),
    { numRuns: 2000 },
  );
});
