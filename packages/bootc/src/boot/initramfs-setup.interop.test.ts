import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CommandError, run } from '@workbench/run';
import { afterAll, beforeAll, expect, test } from 'vitest';

// The script of the initramfs, run for real in a private mount namespace. This kernel may lack fs-verity, so images are
// mounted with `?` here; that verity is demanded and checked is tested in virtual machines.
const root = fileURLToPath(new URL('../../../../', import.meta.url));
const script = join(root, 'packages/bootc/rootfs/usr/lib/dracut/modules.d/51bootc/initramfs-setup.sh');
const cfsctl = join(root, 'target/tools/bin/cfsctl');
const vectors = join(root, 'packages/composefs/vectors/oci/image');

let folder: string;
let sysroot: string;
let id: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'initramfs-setup-'));
  sysroot = join(folder, 'sysroot');
  await mkdir(sysroot);
  const repository = join(sysroot, 'composefs');
  const cfs = (...args: string[]) => run([cfsctl, ...args], { step: `cfsctl ${args[0]}` });
  await cfs('init', '--insecure', '--algorithm', 'fsverity-sha512-12', repository);
  await cfs('--repo', repository, 'oci', 'pull', `oci:${vectors}:vector`, 'vector', '--bootable');
  id = (await cfs('--repo', repository, 'oci', 'compute-id', '--bootable', 'vector')).stdout.trim();
  const state = join(sysroot, 'state/deploy', id);
  await mkdir(join(state, 'etc'), { recursive: true });
  await mkdir(join(sysroot, 'state/os/default/var'), { recursive: true });
  await symlink('../../os/default/var', join(state, 'var'));
  await writeFile(join(state, 'etc/of-this-deployment'), '');
  await writeFile(join(sysroot, 'state/os/default/var/of-all-deployments'), '');
});

afterAll(() => rm(folder, { recursive: true, force: true }));

async function setUp(cmdline: string, look: string, config = '/nonexistent', before = 'true'): Promise<string[]> {
  const text = [
    // Shared, as systemd makes every mount in an initramfs.
    `mount --bind "$1" "$1" && mount --make-shared "$1"`,
    before,
    `sh "$2" setup-root --sysroot "$1" --cmdline "$3" --config "$4"`,
    `cd "$1"`,
    look,
  ].join(' && ');
  const { stdout } = await run(['unshare', '--mount', 'sh', '-c', text, 'sh', sysroot, script, cmdline, config], {
    step: 'set up the root',
  });
  return stdout.trimEnd().split('\n');
}

async function refusalOf(cmdline: string): Promise<string> {
  const error = await setUp(cmdline, 'true').catch((thrown: unknown) => thrown);
  if (!(error instanceof CommandError)) throw new Error(`not refused: ${cmdline}`);
  return error.stderr.trim();
}

test('the image is the root, read-only, with /etc and /var of the state folder and the physical root in it', async () => {
  const look =
    'cat etc/hostname 2>/dev/null; ls etc var; ls sysroot; touch etc/x var/x && rm etc/x var/x; touch usr/x 2>&1';
  const lines = await setUp(`quiet composefs=?${id}`, `{ ${look} || true; }`);
  expect(lines.slice(0, -1)).toEqual([
    'etc:',
    'of-this-deployment',
    '',
    'var:',
    'of-all-deployments',
    'composefs',
    'state',
  ]);
  expect(lines.at(-1)).toContain('Read-only file system');
});

test('the source of the root names the image, and nothing stays mounted outside of the root', async () => {
  const lines = await setUp(`composefs=?${id}`, 'findmnt -rno TARGET,FSTYPE,SOURCE | grep -e "$1" -e /run/bootc');
  expect(
    lines.map((line) =>
      line
        .replaceAll(sysroot, '')
        .replace(/\[.*\]/, '')
        .split(' ')
        .slice(0, 2)
        .join(' '),
    ),
  ).toEqual([
    expect.stringMatching(/^ /),
    ' overlay',
    expect.stringMatching(/^\/sysroot /),
    expect.stringMatching(/^\/etc /),
    expect.stringMatching(/^\/var /),
  ]);
  expect(lines[1]).toContain(`composefs:${id}`);
});

test('a root that systemd mounted read-only becomes writable, unless that is asked for', async () => {
  const readOnly = 'mount -o remount,bind,ro "$1"';
  const look = 'if touch etc/x 2>/dev/null; then rm etc/x; echo writable; else echo read-only; fi';
  expect(await setUp(`composefs=?${id}`, look, undefined, readOnly)).toEqual(['writable']);
  expect(await setUp(`ro composefs=?${id}`, look, undefined, readOnly)).toEqual(['read-only']);
});

test('the parameter that names format and hash goes before the bare one', async () => {
  const cmdline = `composefs=?${'0'.repeat(128)} composefs.digest=?v1-sha512-12:${id}`;
  expect(await setUp(cmdline, 'ls etc')).toEqual(['of-this-deployment']);
});

test('/etc and /var can be transient, and systemd may take /var', async () => {
  const config = join(folder, 'setup-root-conf.toml');
  await writeFile(config, '# settings\n[etc]\nmount = "transient"\n[var]\nmount = "none"\n');
  const look = 'touch etc/lost && ls etc | grep -c lost; ls var | grep -c of-all; stat -c %a etc';
  expect(await setUp(`composefs=?${id}`, look, config)).toEqual(['1', '0', '755']);
  expect(await setUp(`composefs=?${id}`, 'ls etc')).toEqual(['of-this-deployment']);
  expect(await setUp(`systemd.volatile=state composefs=?${id}`, 'ls var | grep -c of-all || true')).toEqual(['0']);
});

/** Everything that the deployment has on the physical root, by name; /var is a link, which is followed. */
const onDisk = () =>
  readdirSync(join(sysroot, 'state/deploy', id), { recursive: true })
    .map(String)
    .sort();

// The base configurations that images are built with.
test.each([
  ['a transient root', '[root]\ntransient = true\n', ['etc', 'var']],
  ['a transient /etc', '[etc]\ntransient = true\n', ['var']],
  ['a volatile /var', '[var]\nmount = "volatile"\n', ['etc']],
  ['everything transient', '[root]\ntransient = true\n[etc]\nmount = "transient"\n[var]\ntransient = true\n', []],
] as const)('%s: what is written is gone with the mounts, all else is kept', async (name, text, kept) => {
  const config = join(folder, 'setup-root-conf.toml');
  await writeFile(config, text);
  const before = onDisk();
  const isRoot = text.includes('[root]');
  const write = ['etc', 'var', 'usr'].map((directory) => `{ touch ${directory}/lost 2>/dev/null || true; }`).join('; ');
  const look = `${write}; ls -d etc/lost var/lost usr/lost 2>/dev/null; stat -c '%n %a' . etc var; findmnt -rno SOURCE -T . | tail -n 1`;
  const lines = await setUp(`composefs=?${id}`, `{ ${look}; }`, config);
  expect(lines.slice(0, isRoot ? 3 : 2)).toEqual(['etc/lost', ...(isRoot ? ['usr/lost'] : []), 'var/lost']);
  expect(lines.slice(isRoot ? 3 : 2, -1)).toEqual(['. 755', 'etc 755', 'var 755']);
  expect(lines.at(-1)).toBe(isRoot ? `transient:composefs=${id}` : `composefs:${id}`);
  const expected = kept.map((directory) => `${directory}/lost`);
  expect(
    onDisk().filter((path) => !before.includes(path)),
    name,
  ).toEqual(expected);
  for (const path of expected) await rm(join(sysroot, 'state/deploy', id, path));
  expect(await setUp(`composefs=?${id}`, 'ls etc var usr | grep -c lost || true', config)).toEqual(['0']);
});

test('an overlay on a transient root keeps what is written in the state folder', async () => {
  const config = join(folder, 'setup-root-conf.toml');
  await writeFile(config, '[root]\ntransient = true\n[etc]\nmount = "overlay"\n');
  const look = 'touch etc/kept usr/lost; findmnt -rno TARGET | grep /run/bootc || true';
  expect(await setUp(`composefs=?${id}`, look, config)).toEqual(['']);
  const etc = join(sysroot, 'state/deploy', id, 'etc');
  expect(readdirSync(join(etc, 'upper'))).toEqual(['kept']);
  for (const name of ['upper', 'work']) await rm(join(etc, name), { recursive: true });
});

test('what cannot be booted is refused with the reason', async () => {
  expect(await refusalOf('quiet')).toContain('there is no composefs= on the kernel command line');
  expect(await refusalOf('composefs=abc')).toContain('is not a SHA-512 digest of 128 hex digits');
  expect(await refusalOf(`composefs=${'X'.repeat(128)}`)).toContain('lower-case hex digits');
  expect(await refusalOf(`composefs=?${'0'.repeat(128)}`)).toContain('is not in the repository');
  expect(await refusalOf(`composefs=${id}`)).toContain('has no fs-verity, and the kernel command line demands it');
});
