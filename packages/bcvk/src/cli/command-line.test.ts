import { CodedError } from '@workbench/run';
import { expect, test } from 'vitest';
import { readCommandLine } from './command-line.ts';
import { libvirtRunOptionTable, readLibvirtRun } from './libvirt-run-options.ts';
import { connectOption } from './shared-options.ts';
import { strictYargs } from './strict-yargs.ts';

async function read(line: string): Promise<{ output: string; hasWork: boolean }> {
  let output = '';
  const work = await readCommandLine(line === '' ? [] : line.split(' '), {}, (text) => {
    output += text;
  });
  return { output, hasWork: work !== undefined };
}

/** The options of `libvirt run` of real bcvk 0.18. */
const realOptions =
  `--allow-missing-fsverity --bind --bind-ro --bind-storage-ro --bootloader --composefs-backend --console-log
  --cpus --detach --disable-tpm --disk-size --filesystem --firmware --firmware-log --graphical-console --itype --karg --label
  --log-dir --memory --name --network --platform-console-log --port --replace --root-size --secure-boot-keys --ssh --ssh-wait
  --storage-path --target-transport --transient --update-from-host --volume`.split(/\s+/);

test('help of libvirt run lists the options of real bcvk', async () => {
  const { output, hasWork } = await read('libvirt run --help');
  expect(hasWork).toBe(false);
  for (const option of realOptions) expect(output).toMatch(new RegExp(`${option}\\s`));
});

test.each([
  '',
  'bogus',
  'libvirt',
  'libvirt run',
  'libvirt run --bogus x',
  'libvirt run x --firmware=coreboot',
  'libvirt run x --name a --name b',
  'libvirt run x --cpus=two',
  'libvirt run x --ssh --ssh-wait',
  'libvirt run x --update-from-host --target-transport=oci',
  'libvirt run x --bootloader=systemd',
  'libvirt run x --itype=u9.huge',
  'libvirt run x --no-detach',
  'libvirt run x y',
  'libvirt run x --ignition=a.json',
  'libvirt list --format=csv',
  'libvirt rm',
  'libvirt upload x',
  'libvirt base-disks',
  'ephemeral run x',
  'to-disk x',
  'to-disk x y --format=vmdk',
  'images',
  'to-disk x y --execute=ls',
  'ephemeral run-ssh x --add-swap=1G',
])('`bcvk %s` is refused with exit code 2', async (line) => {
  const error = await read(line).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CodedError);
  expect((error as CodedError).exitCode).toBe(2);
});

test.each([
  ['ephemeral ps', "'ephemeral ps' is not in the bundled bcvk: use the real one for it"],
  ['to-disk x y --execute=ls', "'to-disk --execute' is not in the bundled bcvk: use the real one for it"],
  ['to-disk -K x y', "'to-disk -K' is not in the bundled bcvk: use the real one for it"],
  ['ephemeral run-ssh --env A=1 x', "'ephemeral run-ssh --env' is not in the bundled bcvk: use the real one for it"],
])('what real bcvk has and this one has not is refused by name: `bcvk %s`', async (line, message) => {
  await expect(read(line)).rejects.toMatchObject({ code: 'USAGE', exitCode: 2, message });
});

test.each([
  'ephemeral run-ssh x -- ls --env',
  'libvirt -c qemu:///system list',
  'libvirt list -a --label=x=1 --format json',
  'libvirt list vm',
  'libvirt inspect vm --format=json',
  'libvirt ssh vm -- systemctl --failed',
  'libvirt ssh --user root vm true',
  'libvirt rm --stop --force vm',
  'libvirt rm-all --force --stop --label=x',
  'libvirt stop -f vm --timeout=5',
  'libvirt start vm --ssh',
  'libvirt status --format=json',
  'libvirt base-disks list --format=json',
  'libvirt base-disks prune --dry-run',
  'to-disk x /tmp/y.raw --disk-size=10G --karg=a --karg=b',
  'images list --json',
  'cache list',
  'cache explain 00',
  'cache prune --budget 1G',
])('`bcvk %s` is understood', async (line) => expect((await read(line)).hasWork).toBe(true));

test('the version names the bcvk that is followed', async () => {
  expect((await read('--version')).output).toBe('bcvk 0.18.0 (bundled subset)');
});

async function readRun(args: string) {
  const parsed = await strictYargs(args.split(' '))
    .options(connectOption)
    .command(
      '* <image>',
      '',
      (verb) => verb.positional('image', { type: 'string' }).options(libvirtRunOptionTable),
      () => undefined,
    )
    .parseAsync();
  return readLibvirtRun(parsed, {});
}

test('libvirt run with no options takes the defaults of real bcvk', async () => {
  expect((await readRun('containers-storage:localhost/bootc')).request).toMatchObject({
    image: 'localhost/bootc',
    memoryMiB: 4096,
    cpus: 2,
    diskBytes: 20 * 2 ** 30,
    firmware: 'uefi-secure',
    hasTpm: true,
    bindStorage: false,
    waitForSsh: false,
    install: { composefsBackend: false, targetTransport: undefined, kernelArguments: [] },
  });
});

test('paths of this machine become absolute: whoever opens them works elsewhere', async () => {
  const { request } = await readRun(
    'x --console-log=a.log --platform-console-log=b.log --storage-path=c --bind=.:/mnt/d --bind-ro .:/mnt/e --volume=.:f',
  );
  const host = process.cwd();
  expect(request).toMatchObject({
    logs: { console: `${host}/a.log`, platformConsole: `${host}/b.log` },
    storagePath: `${host}/c`,
    binds: [{ host, guest: '/mnt/d' }],
    readOnlyBinds: [{ host, guest: '/mnt/e' }],
    volumes: [{ host, guest: 'f' }],
  });
});

test('options that are repeated or imply others', async () => {
  const { request, login } = await readRun(
    'x --karg=a --karg b=c -p 8080:80 --label=a=1 --label=b --update-from-host --itype=u1.small --ssh' +
      ' --log-dir=journal=/logs --console-log=/c.log --disable-tpm --composefs-backend --bootloader systemd',
  );
  expect(login).toBe(true);
  expect(request).toMatchObject({
    install: {
      kernelArguments: ['a', 'b=c'],
      targetTransport: 'containers-storage',
      composefsBackend: true,
      bootloader: 'systemd',
    },
    ports: [{ hostPort: 8080, guestPort: 80 }],
    labels: ['a=1', 'b'],
    bindStorage: true,
    cpus: 1,
    memoryMiB: 2048,
    logs: { console: '/c.log', journal: '/logs/journal.json', initrdJournal: '/logs/journal-initrd.json' },
    hasTpm: false,
    waitForSsh: true,
    diskEditor: undefined,
  });
});
