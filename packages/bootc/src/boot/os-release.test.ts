import { expect, test } from 'vitest';
import { entryNaming, parseOsRelease } from './os-release.ts';

test('values with and without quotes', () => {
  const fields = parseOsRelease(
    'NAME="A \\"B\\""\n# c\nID=debian\nVERSION=\'1 $x\'\nEMPTY=\nODD="\n 2=3\nVERSION_ID="12"\n',
  );
  expect(Object.fromEntries(fields)).toEqual({
    NAME: 'A "B"',
    ID: 'debian',
    VERSION: '1 $x',
    EMPTY: '',
    ODD: '"',
    VERSION_ID: '12',
  });
});

test('what a boot entry says, with less and less to go by', () => {
  const id = 'ab'.repeat(64);
  const naming = (text: string): unknown => entryNaming(parseOsRelease(text), id);
  expect(naming('ID=debian\nNAME=Debian\nPRETTY_NAME="Debian 12"\nVERSION_ID=12')).toEqual({
    osId: 'debian',
    title: 'Debian 12',
    version: '12',
  });
  expect(naming('ID=x\nVERSION="1 (One)"')).toEqual({ osId: 'x', title: 'x', version: '1 (One)' });
  expect(naming('')).toEqual({ osId: 'bootc', title: id, version: id });
});
