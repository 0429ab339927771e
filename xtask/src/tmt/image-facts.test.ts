import { expect, test } from 'vitest';
import { imageFactsOf } from './image-facts.ts';

test.each([
  ['ID=debian\nPRETTY_NAME="Debian GNU/Linux forky/sid"\n', { distro: 'debian', variantId: 'unknown' }],
  ['NAME="Fedora Linux"\nID=fedora\nVERSION_ID=44\nVARIANT_ID=coreos\n', { distro: 'fedora-44', variantId: 'coreos' }],
  ['ID=\'centos\'\nVERSION_ID="10"\n# comment\n', { distro: 'centos-10', variantId: 'unknown' }],
  ['', { distro: 'linux', variantId: 'unknown' }],
])('%j', (text, facts) => {
  expect(imageFactsOf(text)).toEqual(facts);
});
