import { expect, test } from 'vitest';
import { etcModeOf } from './etc-mode.ts';

test.each([
  [undefined, 'bind'],
  ['', 'bind'],
  ['[root]\ntransient = true\n', 'bind'],
  ['[etc]\nmount = "none"\n', 'none'],
  ['[etc]\nmount = "root"\n', 'none'],
  ['# a comment\n[var]\nmount = "none"\n[etc]\nmount = "overlay" # here\n', 'overlay'],
  ["etc.mount = 'overlay'\n", 'overlay'],
  ['[etc]\nmount = "volatile"\n', 'transient'],
  ['[etc]\ntransient = true\n', 'transient'],
  ['[etc]\ntransient = true\nmount = "bind"\nunknown = 1\n', 'bind'],
])('%j makes /etc by %s', (text, mode) => {
  expect(etcModeOf(text)).toBe(mode);
});

test.each([
  [
    '[etc]\nmount = "overlays"\n',
    /^\/usr\/lib\/composefs\/setup-root-conf.toml of the image: etc\.mount: Invalid option/,
  ],
  ['[etc]\ntransient = "yes"\n', /etc\.transient: /],
  ['[etc\n', /Invalid TOML/],
])('%j is refused', (text, why) => {
  expect(() => etcModeOf(text)).toThrow(why);
});
