import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, afterEach, expect, test } from 'vitest';
import { storageRoots } from './storage-configuration.ts';

const folder = dirSync({ unsafeCleanup: true });
afterAll(() => folder.removeCallback());
afterEach(() => {
  for (const name of ['etc', 'usr', 'home']) rmSync(join(folder.name, name), { recursive: true, force: true });
});

const system = '/var/lib/containers/storage';

/** Puts a configuration file below the folder. */
function configure(path: string, text: string): string {
  const file = join(folder.name, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

const additional = (...stores: string[]) =>
  `[storage]\ndriver = "overlay"\n[storage.options]\nadditionalimagestores = ${JSON.stringify(stores)}\n`;

const roots = (environment: Record<string, string> = {}, uid = 0) =>
  storageRoots({ environment, uid, root: folder.name });

test('without any configuration the places are those of the environment', () => {
  expect(roots()).toEqual([system]);
  expect(roots({ CONTAINERS_STORAGE_ROOT: '/one', HOME: '/home/u' })).toEqual([
    '/one',
    '/home/u/.local/share/containers/storage',
    system,
  ]);
});

test('of the files of configuration the first one counts', () => {
  configure('usr/share/containers/storage.conf', additional('/of/usr'));
  expect(roots()).toEqual([system, '/of/usr']);
  configure('etc/containers/storage.conf', additional('/of/etc', '/more/'));
  expect(roots()).toEqual([system, '/of/etc', '/more']);
  const home = join(folder.name, 'home');
  expect(roots({ XDG_CONFIG_HOME: home })).toEqual([system, '/of/etc', '/more']);
  configure('home/containers/storage.conf', additional('/of/home'));
  expect(roots({ XDG_CONFIG_HOME: home })).toEqual([system, '/of/home']);
  const named = configure('home/named.conf', additional('/of/name'));
  expect(roots({ XDG_CONFIG_HOME: home, CONTAINERS_STORAGE_CONF: named })).toEqual([system, '/of/name']);
  // A file that is named takes the place of all others, even when it is not there.
  expect(roots({ CONTAINERS_STORAGE_CONF: join(home, 'none') })).toEqual([system]);
});

test('STORAGE_OPTS takes the place of the options of a file, also when it is empty', () => {
  configure('etc/containers/storage.conf', additional('/of/etc'));
  const options = [
    'overlay.mount_program=/x',
    'additionalimagestore=/a',
    ' additionalimagestore=/b',
    'overlay.imagestore=/c',
    'overlay2.additionalimagestore=/d',
    '.imagestore=/e',
    'overlay.imagestore=',
    'imagestores=/f',
  ];
  expect(roots({ STORAGE_OPTS: options.join(',') })).toEqual([system, '/a', '/b', '/c', '/d', '/e']);
  expect(roots({ STORAGE_OPTS: '' })).toEqual([system]);
});

test('storage in another place is looked for there first', () => {
  const root = `$NAME/$${'{NAME}'}`;
  configure('etc/containers/storage.conf', `[storage]\ngraphroot = "/srv/${root}"\nimagestore = "/srv/images"\n`);
  expect(roots({ NAME: 'x', CONTAINERS_STORAGE_ROOT: '/one' })).toEqual(['/one', '/srv/x/x', '/srv/images', system]);
});

test('a user has the pattern of the system, or a file of their own', () => {
  const text = '[storage]\ngraphroot = "/srv"\nrootless_storage_path = "/srv/of-$UID"\n[storage.options]\n';
  configure('etc/containers/storage.conf', `${text}additionalimagestores = ["/a"]\n`);
  const home = { HOME: join(folder.name, 'home') };
  const usual = join(home.HOME, '.local/share/containers/storage');
  expect(roots(home, 1000)).toEqual(['/srv/of-1000', usual, system]);
  expect(roots(home)).toEqual(['/srv', usual, system, '/a']);
  configure('home/.config/containers/storage.conf', additional('/of/home'));
  expect(roots(home, 1000)).toEqual([usual, system, '/of/home']);
  expect(roots(home)).toEqual(['/srv', usual, system, '/a']);
});

test.each([
  ['[storage', /storage\.conf: Invalid TOML/],
  ['[storage.options]\nadditionalimagestores = "/a"\n', /storage\.options\.additionalimagestores: /],
])('%j is refused', (text, why) => {
  configure('etc/containers/storage.conf', text);
  expect(() => roots()).toThrow(expect.objectContaining({ code: 'STORAGE_CONFIGURATION_INVALID' }));
  expect(() => roots()).toThrow(why);
});
