import { expect, test } from 'vitest';
import { matchFatal, stripControl } from './console.ts';
import { parseProgress, parseResult } from './guest-lines.ts';
import { checkInstallOptions, type InstallOptions } from './install-options.ts';
import { quoteSystemdCommand } from './systemd-quote.ts';

test('a result counts only with the nonce of this run', () => {
  expect(parseResult('bcvk-install-result a1b2 success 0', 'a1b2')).toEqual({ result: 'success', exitStatus: '0' });
  expect(parseResult('bcvk-install-result a1b2 exit-code 1', 'a1b2')).toEqual({ result: 'exit-code', exitStatus: '1' });
  expect(parseResult('bcvk-install-result a1b2 timeout ', 'a1b2')).toEqual({ result: 'timeout', exitStatus: '' });
  expect(parseResult('bcvk-install-result other success 0', 'a1b2')).toBeUndefined();
  expect(parseResult('Installation complete!', 'a1b2')).toBeUndefined();
  expect(parseResult('bcvk-install-result a1b2', 'a1b2')).toBeUndefined();
});

test('progress that cannot be read is no progress', () => {
  const line = '{"step":"import","percent":42,"bytesDone":1,"bytesTotal":2}';
  expect(parseProgress(line)).toEqual({ step: 'import', percent: 42, bytesDone: 1, bytesTotal: 2 });
  expect(parseProgress('{"step":')).toBeUndefined();
  expect(parseProgress('{"percent":1}')).toBeUndefined();
});

test.each([
  ['[    3.1] Kernel panic - not syncing: VFS: Unable to mount root fs', 'GUEST_PANIC'],
  ['You are in emergency mode. After logging in, type "journalctl -xb"', 'GUEST_EMERGENCY'],
  ['[  9.0] systemd[1]: Freezing execution.', 'GUEST_FROZEN'],
  [
    '[\u001b[0;1;38;5;185mDEPEND\u001b[0m] Dependency failed for \u001b[0;1;39mbcvk-install.service',
    'GUEST_DEPENDENCY',
  ],
  ['[ TIME ] Timed out waiting for device dev-d…output.device - /dev/disk/by-id/virtio-output.', 'GUEST_DEPENDENCY'],
  ['[ 42.0] Out of memory: Killed process 12 (node)', 'GUEST_OOM'],
])('%j is fatal', (line, code) => expect(matchFatal(line)?.code).toBe(code));

test.each([
  '[  OK  ] Reached target emergency-not.target',
  'panic=-1 on the command line',
  'Dependency failed for bcvk-journal-stream.service',
])('%j is not', (line) => expect(matchFatal(line)).toBeUndefined());

test('escape sequences are taken out, newlines stay', () => {
  expect(stripControl('\u001b[0;32m  OK  \u001b[0m a\r\nb\u0007')).toBe('  OK   a\nb');
});

test('words of a unit file command', () => {
  expect(quoteSystemdCommand(['a b', '"x"', '50%', '$HOME', 'c\\d'])).toBe('"a b" "\\"x\\"" "50%%" "$$HOME" "c\\\\d"');
});

test('options of the composefs backend alone are refused', () => {
  const options: InstallOptions = {
    filesystem: undefined,
    rootSize: undefined,
    targetTransport: undefined,
    kernelArguments: [],
    composefsBackend: false,
    bootloader: 'systemd',
    allowMissingFsverity: true,
  };
  expect(() => checkInstallOptions(options)).toThrow(
    '--bootloader and --allow-missing-fsverity cannot be used without',
  );
  expect(() => checkInstallOptions({ ...options, composefsBackend: true })).not.toThrow();
});
