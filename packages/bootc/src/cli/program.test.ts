import { run } from '@workbench/run';
import { expect, test } from 'vitest';

const main = new URL('../main.ts', import.meta.url).pathname;

async function bootc(...args: string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  const { stdout, stderr, exitCode } = await run([process.execPath, main, ...args], {
    step: `run bootc ${args.join(' ')}`,
    okExitCodes: [1, 2],
  });
  return { status: exitCode, stdout, stderr };
}

test('help and version are the answer, on standard output', async () => {
  const help = await bootc('upgrade', '--help');
  expect(help).toMatchObject({ status: 0, stderr: '' });
  expect(help.stdout).toContain('--soft-reboot');
  expect(await bootc('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^bootc \d/), stderr: '' });
});

test.each([
  [['stat'], 'error: unknown command in "bootc stat". Did you mean status?'],
  [[], 'error: a command is missing'],
  [['upgrade', '--check', '--apply'], 'error: Arguments check and apply are mutually exclusive'],
  [['upgrade', '--download-only', '--soft-reboot=auto'], 'download-only and soft-reboot are mutually exclusive'],
  [['upgrade', '--from-downloaded', '--tag=2'], 'from-downloaded and tag are mutually exclusive'],
  [['switch', 'x', '--mutate-in-place', '--apply'], 'mutate-in-place and apply are mutually exclusive'],
  [['status', '--format', 'xml'], 'error: Invalid values: Argument: format'],
  [
    ['status', '--format', 'json', '--format', 'yaml'],
    'error: an option that takes one value was given more than once',
  ],
  [['status', '--nonsense'], 'error: Unknown argument: nonsense'],
])('a wrong command line: %j', async (args, line) => {
  const { status, stdout, stderr } = await bootc(...args);
  expect(status).toBe(2);
  expect(stdout).toBe('');
  expect(stderr.split('\n')[0]).toContain(line);
  expect(stderr).toContain('\nUsage: bootc');
});

// Where tests run is no host booted from composefs, be it a container or not.
test.each([['upgrade'], ['update', '--check'], ['switch', 'blah://'], ['rollback'], ['internals', 'fsck']])(
  'bootc %s needs a booted host',
  async (...args) => {
    const { status, stderr } = await bootc(...args);
    expect(status).toBe(1);
    expect(stderr.split('\n')[0]).toMatch(/^error: .*this command requires a booted host system/);
    expect(stderr).not.toContain('\u001b');
  },
);

test.each([
  ['to-disk', '/dev/nonexistent'],
  ['to-filesystem', '/nonexistent'],
])('another backend than composefs is refused, and what to set is said: install %s', async (...args) => {
  const { status, stdout, stderr } = await bootc('install', ...args, '--bootloader', 'systemd');
  expect(status).toBe(1);
  expect(stdout).toBe('');
  expect(stderr).toContain('error: only the composefs backend can be installed');
  expect(stderr).toContain('set --composefs-backend');
});

test('status elsewhere is an empty document', async () => {
  const { status, stdout, stderr } = await bootc('status', '--format=json', '--format-version=0');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toMatchObject({ apiVersion: 'org.containers.bootc/v1', status: { booted: null } });
  expect(stdout.endsWith('}')).toBe(true);
});

test('an unknown version of the document', async () => {
  expect(await bootc('status', '--format-version=7')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('error: Unsupported format version: 7\n'),
  });
});
