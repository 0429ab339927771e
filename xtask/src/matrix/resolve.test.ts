import { CodedError, describeError } from '@workbench/run';
import { expect, test } from 'vitest';
import { axes, axisList, everyRawCell, formatCell } from './cell.ts';
import { resolveSettings, type SettingSources } from './resolve.ts';
import { brokenRules, ruleOfOstree } from './rules.ts';

function failureOf(given: SettingSources): CodedError {
  try {
    resolveSettings(given);
  } catch (error) {
    if (error instanceof CodedError) return error;
    throw error;
  }
  throw new Error('expected the settings to be refused');
}

test('nothing set is the default cell, and each value says so', () => {
  const { cell, sources } = resolveSettings({});
  expect(formatCell(cell)).toBe('composefs/systemd/bls/unsealed/ext4');
  expect(new Set(Object.values(sources).map(({ kind }) => kind))).toEqual(new Set(['default']));
});

test('command line before environment before .env before profile before default, each remembered', () => {
  const profile = {
    filesystem: { value: 'xfs', from: 'p.yaml:2:15' },
    bootloader: { value: 'grub', from: 'p.yaml:3:1' },
  };
  const dotenv = { BOOTC_filesystem: 'btrfs' };
  const environment = { BOOTC_filesystem: 'ext4' };
  const commandLine = { filesystem: { value: 'xfs', from: '--filesystem' } };
  const sourceOf = (given: SettingSources): unknown => resolveSettings(given).sources.filesystem;
  expect(sourceOf({ profile })).toEqual({ value: 'xfs', kind: 'profile', from: 'p.yaml:2:15' });
  expect(sourceOf({ profile, dotenv })).toEqual({ value: 'btrfs', kind: '.env', from: '.env: BOOTC_filesystem' });
  expect(sourceOf({ profile, dotenv, environment })).toEqual({
    value: 'ext4',
    kind: 'environment',
    from: 'BOOTC_filesystem',
  });
  const all = resolveSettings({ profile, dotenv, environment, commandLine });
  expect(all.sources.filesystem).toEqual({ value: 'xfs', kind: 'command line', from: '--filesystem' });
  expect(all.sources.bootloader).toEqual({ value: 'grub', kind: 'profile', from: 'p.yaml:3:1' });
  expect(all.sources.sealState.kind).toBe('default');
});

test('an unknown value and an unknown name are refused together, with suggestions and exit code 2', () => {
  const error = failureOf({
    commandLine: { filesystem: { value: 'ext', from: '--filesystem' } },
    environment: { BOOTC_bootlaoder: 'grub', BOOTC_boot_type: 'BLS', HOME: '/root' },
    dotenv: { BOOTC_sealstate: 'sealed' },
  });
  expect(error.exitCode).toBe(2);
  expect(describeError(error).split('\n')).toEqual([
    'error: 4 settings are wrong [BAD_SETTING]',
    '  .env: BOOTC_sealstate: no such variable',
    '  BOOTC_bootlaoder: no such variable',
    "  BOOTC_boot_type: 'BLS' is not a boot_type: it is one of bls, uki",
    "  --filesystem: 'ext' is not a filesystem: it is one of ext4, xfs, btrfs",
    '  help: did you mean BOOTC_seal_state, BOOTC_bootloader, bls, ext4?',
  ]);
});

test('an empty variable is not "unset"', () => {
  expect(failureOf({ environment: { BOOTC_filesystem: '' } })).toMatchObject({
    message: 'BOOTC_filesystem: is set but empty: unset it or give it a value',
    hint: '`xtask matrix --table` lists variables and values, `xtask VERB --help` what options take',
  });
});

test('a cell that cannot exist is refused with all rules, their sources, and the nearest one', () => {
  const error = failureOf({
    commandLine: { sealState: { value: 'sealed', from: '--seal-state' } },
    environment: { BOOTC_filesystem: 'xfs' },
    dotenv: { BOOTC_bootloader: 'grub' },
  });
  expect(error.exitCode).toBe(2);
  expect(describeError(error).split('\n')).toEqual([
    'error: cell composefs/grub/bls/sealed/xfs cannot exist [CELL_IMPOSSIBLE]',
    '  sealed-needs-uki     seal_state sealed needs boot_type uki (boot_type is bls: default)',
    '                       because only a unified kernel image puts the command line, and with it the root digest, under a signature',
    '  sealed-needs-verity  seal_state sealed needs filesystem ext4 or btrfs (filesystem is xfs: BOOTC_filesystem)',
    '                       because a sealed root is only as good as fs-verity, which xfs does not have',
    '  help: did you mean composefs/systemd/uki/sealed/ext4? (--bootloader=systemd --boot-type=uki --filesystem=ext4)',
  ]);
});

test('a profile that alone makes an impossible cell is named with its place', () => {
  const from = 'vm-profiles/nightly.yaml:14:7';
  const profile = { bootType: { value: 'uki', from }, bootloader: { value: 'grub', from } };
  expect(failureOf({ profile }).message.split('\n')[0]).toBe(
    `${from}  cell composefs/grub/uki/unsealed/ext4 cannot exist`,
  );
});

test('an axis set together with variant ostree is an error, even at its default value', () => {
  expect(formatCell(resolveSettings({ environment: { BOOTC_variant: 'ostree' } }).cell)).toBe('ostree');
  const error = failureOf({
    environment: { BOOTC_variant: 'ostree' },
    commandLine: { filesystem: { value: 'ext4', from: '--filesystem' } },
  });
  expect(describeError(error).split('\n')).toEqual([
    'error: a cell of variant ostree (BOOTC_variant) has no other axis [CELL_IMPOSSIBLE]',
    '  ostree-has-no-axes  variant ostree takes no bootloader, boot_type, seal_state or filesystem',
    '                      because these four say how the composefs backend installs; an ostree image brings its own choice',
    '  filesystem is set to ext4 (--filesystem)',
    '  help: leave filesystem out, or use variant composefs',
  ]);
});

test.each(everyRawCell().map((cell) => [axisList.map((axis) => cell[axis]).join('/'), cell] as const))(
  '%s is accepted, or refused at once with rule, reason and fix',
  (_written, cell) => {
    const given = axisList.map((axis) => [axis, { value: cell[axis], from: `--${axes[axis].option}` }]);
    const commandLine = Object.fromEntries(given) as NonNullable<SettingSources['commandLine']>;
    const rules = cell.variant === 'ostree' ? [ruleOfOstree] : brokenRules(cell);
    if (rules.length === 0) {
      expect(resolveSettings({ commandLine }).cell).toEqual(cell);
      return;
    }
    const began = performance.now();
    const error = failureOf({ commandLine });
    expect(performance.now() - began).toBeLessThan(100);
    expect(error).toMatchObject({ code: 'CELL_IMPOSSIBLE', exitCode: 2 });
    const lines = error.message.split('\n').map((line) => line.trim());
    for (const { id, needs, because } of rules) {
      expect(lines).toContainEqual(expect.stringMatching(new RegExp(`^${id} +${needs}`)));
      expect(lines).toContain(`because ${because}`);
    }
    expect(error.hint).toMatch(cell.variant === 'ostree' ? /^leave .* out/ : /^did you mean .* \(--.*\)$/);
  },
);

test('other variables keep their source, test variables go to the tests, and all else is not ours', () => {
  const { variables, testVariables } = resolveSettings({
    environment: { BOOTC_bcvk: 'bundled', BOOTC_test_upgrade_image: '', PATH: '/bin' },
    dotenv: { BOOTC_bcvk: 'system', BOOTC_base: 'localhost/x', TMT_LOG_DIR: '/x' },
  });
  expect([...variables]).toEqual([
    ['BOOTC_bcvk', { value: 'bundled', kind: 'environment', from: 'BOOTC_bcvk' }],
    ['BOOTC_base', { value: 'localhost/x', kind: '.env', from: '.env: BOOTC_base' }],
  ]);
  expect(testVariables).toEqual({ BOOTC_test_upgrade_image: '' });
});
