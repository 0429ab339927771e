import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dirSync } from 'tmp-promise';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { deploymentPaths } from '../deployment/state-paths.ts';
import { makeUpdateSystem, publishImage, type UpdateSystem } from '../operations/update-system.testing.ts';
import type { HostDocument } from '../status/host-document.ts';
import { bootableFiles, writeImageLayout } from '../storage/test-system.testing.ts';
import { type BootedTestHost, bundleProgram, startBootedHost } from './booted-host.testing.ts';

// The program as an image has it, on what looks to it like a booted host: what its verbs do is tested where they are made; here it is
// that each command line does that. The tests go on from each other.

// Where the system can be mounted writable by itself.
if (existsSync('/dev/shm')) vi.stubEnv('TMPDIR', '/dev/shm');
const folder = dirSync({ unsafeCleanup: true, tmpdir: process.env.TMPDIR ?? tmpdir() });
const guest = dirSync({ unsafeCleanup: true, tmpdir: '/var/tmp' });

let system: UpdateSystem;
let host: BootedTestHost;
let followed: string;

const image = (version: string, ...files: [kernel?: string]) =>
  writeImageLayout(join(folder.name, `image-${version}`), bootableFiles(version, ...files));

/** In the place of what is not there: units, and a kernel that may have no VFAT. */
const stubs = {
  systemctl: 'echo "systemctl $*" >>/run/asked',
  // Whoever asks for a reboot is stopped by it, once it has been told that it comes.
  'systemd-run': 'echo "systemd-run $*" >>/run/asked; { sleep 1; kill -TERM "$PPID"; } >/dev/null 2>&1 &',
  mount:
    'case "$*" in "-t vfat "*) for place; do :; done; exec mount.real --bind /efi "$place" ;; esac; exec mount.real "$@"',
};

beforeAll(async () => {
  followed = image('1');
  system = await makeUpdateSystem(followed);
  await bundleProgram(guest.name);
  host = await startBootedHost(system, guest.name);
  await inHost(
    `mount --bind ${deploymentPaths('/sysroot', system.booted.id).etc} /etc && cp /usr/bin/mount /usr/bin/mount.real`,
  );
  for (const [name, script] of Object.entries(stubs)) {
    // In a new file: the old one may be one that other names lead to.
    await inHost(
      `rm -f /usr/bin/${name} && cat >/usr/bin/${name} && chmod 755 /usr/bin/${name}`,
      `#!/bin/sh\n${script}\n`,
    );
  }
});
afterAll(() => {
  host?.[Symbol.dispose]();
  rmSync(system.directory, { recursive: true });
  for (const made of [folder, guest]) made.removeCallback();
});

const inHost: BootedTestHost['run'] = (command, input) => host.run(command, input);
const bootc: BootedTestHost['bootc'] = (args, options) => host.bootc(args, options);

async function statusText(): Promise<string> {
  return bootc(['status', '--format=json']);
}

const status = async (): Promise<HostDocument> => JSON.parse(await statusText());
const staged = async () => (await status()).status.staged;
const asked = async () => (await inHost('cat /run/asked; rm -f /run/asked')).stdout;

test('status', async () => {
  const document = await status();
  expect(document.status).toMatchObject({ staged: null, rollback: null, type: 'bootcHost' });
  expect(document.status.booted?.composefs.verity).toBe(system.booted.id);
  expect(document.spec.image).toEqual({ image: followed.slice('oci:'.length), transport: 'oci' });
});

test('switch, with all the options that have no effect', async () => {
  const path = image('2').slice('oci:'.length);
  const noEffect = ['--quiet', '--retain', '--no-signature-verification'];
  expect(await bootc(['switch', ...noEffect, '--transport', 'oci', path])).toContain(
    `Queued for next boot: oci:${path}`,
  );
  expect((await staged())?.image?.image).toEqual({ image: path, transport: 'oci' });
  expect(await asked()).toBe('systemctl start --quiet bootc-finalize-staged.service\n');
  expect(await bootc(['switch', '--transport=oci', path])).toBe('Image specification is unchanged.\n');
  await bootc(['switch', '--transport=oci', '--apply', path], { exitCode: 143 });
  expect(await asked()).toBe('systemd-run --quiet -- systemctl reboot --message=bootc switch\n');
  expect(await bootc(['switch', '--transport=ftp', path], { exitCode: 1 })).toContain('ftp');
});

test('delete-deployment', async () => {
  const id = (await staged())!.composefs.verity;
  expect(await bootc(['delete-deployment', id])).toContain(`Deleted deployment ${id}\n`);
  expect(await staged()).toBeNull();
  const refused = await bootc(['delete-deployment', system.booted.id], { exitCode: 1 });
  expect(refused).toContain('Cannot delete currently booted deployment');
});

test('edit: another image, the order while there is none, and nothing', async () => {
  const path = image('3').slice('oci:'.length);
  const text = await statusText();
  const edited = (spec: Partial<HostDocument['spec']>): string => {
    const document: HostDocument = JSON.parse(text);
    return JSON.stringify({ ...document, spec: { ...document.spec, ...spec } });
  };
  expect(await bootc(['edit', '-f', '-'], { input: text })).toBe('Edit cancelled, no changes made.\n');
  const inOtherOrder = await bootc(['edit', '-f', '-'], { input: edited({ bootOrder: 'rollback' }), exitCode: 1 });
  expect(inOtherOrder).toContain('No rollback available');
  const file = join(folder.name, 'host.json');
  writeFileSync(file, edited({ image: { image: path, transport: 'oci' } }));
  expect(await bootc(['edit', '--quiet', '--filename', file])).toContain(`Queued for next boot: oci:${path}`);
  const { image: found, composefs } = (await staged())!;
  expect(found?.image.image).toBe(path);
  await bootc(['delete-deployment', composefs.verity]);
});

test('switch --mutate-in-place', async () => {
  const place = (args: readonly string[]) => bootc(['switch', '--mutate-in-place', ...args]);
  expect(await place(['quay.io/example/os:1'])).toBe('The booted deployment now follows: quay.io/example/os:1\n');
  expect((await status()).spec.image).toEqual({ image: 'quay.io/example/os:1', transport: 'registry' });
  await place(['--enforce-container-sigpolicy', 'quay.io/example/os:1']);
  expect((await status()).spec.image).toMatchObject({ signature: 'containerPolicy' });
  await place(['--transport=oci', followed.slice('oci:'.length)]);
  expect(await staged()).toBeNull();
});

test('upgrade: checked, downloaded, released, applied', async () => {
  expect(await bootc(['upgrade', '--check'])).toBe(`No changes in: ${followed}\n`);
  expect(await bootc(['update', '--quiet'])).toBe(`No changes in: ${followed}\n`);
  publishImage(followed, bootableFiles('4', 'another kernel'));
  expect(await bootc(['upgrade', '--check'])).toContain(`Update available for: ${followed}\n`);
  expect(await staged()).toBeNull();
  expect(await bootc(['upgrade', '--from-downloaded'], { exitCode: 1 })).toContain('No staged deployment found');
  await inHost('rm -f /run/asked');
  await bootc(['upgrade', '--download-only']);
  expect(await staged()).toMatchObject({ downloadOnly: true });
  expect(await bootc(['composefs-finalize-staged'])).toContain('only downloaded');
  await bootc(['upgrade', '--from-downloaded']);
  expect(await staged()).toMatchObject({ downloadOnly: false });
  await inHost('rm -f /run/asked');
  await bootc(['upgrade', '--apply'], { exitCode: 143 });
  expect(await asked()).toBe('systemd-run --quiet -- systemctl reboot --message=bootc upgrade\n');
  expect(await bootc(['upgrade', '--tag', '2', '--check'], { exitCode: 1 })).toContain('has no image 2');
});

test('loader-entries, for the booted and the staged deployment', async () => {
  const set = (...options: string[]) =>
    bootc(['loader-entries', 'set-options-for-source', '--source', 'tuned', ...options]);
  const withOption = async () =>
    (
      await inHost('grep -l nohz=on /efi/loader/entries/*.conf /efi/loader/entries.staged/*.conf | wc -l')
    ).stdout.trim();
  expect(await set('--options', 'nohz=on')).toContain('are set from the next boot on');
  expect(await withOption()).toBe('2');
  expect(await set('--options=nohz=on')).toContain('are unchanged');
  await set();
  expect(await withOption()).toBe('0');
});

test('config-diff, and what it tells is taken along by composefs-finalize-staged', async () => {
  await inHost('echo mine >/etc/local');
  expect(await bootc(['config-diff'])).toBe('Added "local"\n');
  const { verity } = (await staged())!.composefs;
  expect(await bootc(['composefs-finalize-staged'])).toBe(`Finalized deployment ${verity}\n`);
  expect((await inHost(`cat ${deploymentPaths('/sysroot', verity).etc}/local`)).stdout).toBe('mine\n');
  expect(await bootc(['composefs-finalize-staged'])).toBe('No staged deployment\n');
  expect((await status()).status).toMatchObject({ rollbackQueued: true, staged: null });
});

test('rollback, back and forth, also by edit', async () => {
  expect(await bootc(['rollback'])).toBe('notice: Reverting queued rollback state\nNext boot: current deployment\n');
  expect((await status()).status.rollbackQueued).toBe(false);
  await bootc(['rollback', '--apply'], { exitCode: 143 });
  expect(await asked()).toBe('systemd-run --quiet -- systemctl reboot --message=bootc rollback\n');
  const document = await status();
  expect([document.spec.bootOrder, document.status.rollbackQueued]).toEqual(['rollback', true]);
  const input = JSON.stringify({ ...document, spec: { ...document.spec, bootOrder: 'default' } });
  expect(await bootc(['edit', '--filename=-'], { input })).toContain('Next boot: current deployment\n');
  expect((await status()).status.rollbackQueued).toBe(false);
  // The kernels differ, so that userspace alone cannot be restarted.
  const refusal = await bootc(['rollback', '--soft-reboot=required'], { exitCode: 1 });
  expect(refusal).toMatch(/different kernel state|does not support soft reboots/);
  await bootc(['rollback']);
});

test('internals composefs-gc looks at everything where it only tells, and removes what it is told to', async () => {
  const gc = (...options: string[]) => bootc(['internals', 'composefs-gc', ...options]);
  await gc('--prune-repo');
  expect(await gc('--assert-no-op')).toBe('Dry run (no files deleted)\nObjects: 0 removed (0 bytes)\n');
  await bootc(['internals', 'fsck']);
  // Nothing of the boot partition, and what only the repository knows of.
  const garbage = deploymentPaths('/sysroot', 'c'.repeat(128)).directory;
  await inHost(`mkdir ${garbage}`);
  const layout = writeImageLayout(join(folder.name, 'application'), { 'usr/app': 'x'.repeat(500) });
  const cfs = (...args: string[]) => bootc(['internals', 'cfs', 'oci', ...args]);
  await cfs('pull', layout, 'application');
  await cfs('untag', 'application');
  const refused = /^error: --assert-no-op: GC would remove 1 paths, [1-9]\d* objects, [1-9]\d* symlinks/;
  expect(await bootc(['internals', 'composefs-gc', '--assert-no-op'], { exitCode: 1 })).toMatch(refused);
  expect(await gc('--dry-run')).toMatch(/^Dry run .*\nWould remove .*\nObjects: [1-9]/);
  expect(await gc()).toBe('Objects: 0 removed (0 bytes)\n');
  expect((await inHost(`ls -d ${garbage}`)).exitCode).toBe(0);
  expect(await gc('--prune-repo')).toContain(`Removed ${garbage}: `);
  await gc('--assert-no-op');
});

test('internals prep-soft-reboot takes one deployment, or takes it back', async () => {
  const prepare = (...args: string[]) => bootc(['internals', 'prep-soft-reboot', ...args], { exitCode: 1 });
  expect(await prepare()).toContain('a deployment is required');
  expect(await prepare(system.booted.id)).toContain('Cannot soft-reboot to the currently booted deployment');
  expect(await prepare('0'.repeat(128))).toContain('not found');
  expect(await bootc(['internals', 'prep-soft-reboot', '--reset'])).toBe('No deployment staged for soft rebooting\n');
});

test('internals dir-diff and container lint need no such host', async () => {
  const at = (name: string) => join(folder.name, 'merge', name);
  for (const name of ['pristine', 'current', 'next']) mkdirSync(at(name), { recursive: true });
  writeFileSync(join(at('current'), 'local'), 'mine');
  const folders = [at('pristine'), at('current'), at('next')];
  expect(await bootc(['internals', 'dir-diff', ...folders])).toBe('Added "local"\n');
  expect(existsSync(join(at('next'), 'local'))).toBe(false);
  await bootc(['internals', 'dir-diff', '--merge', ...folders]);
  expect(existsSync(join(at('next'), 'local'))).toBe(true);
  const lint = await bootc(['container', 'lint', '--list']);
  expect(lint).toMatch(/baseimage-composefs/);
});
