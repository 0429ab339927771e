import { CodedError } from '@workbench/run';
import { afterEach, expect, test, vi } from 'vitest';
import { defaultCell } from '../matrix/cell.ts';
import { loadSettings } from '../settings/load-settings.ts';
import { requireSecureBootKeys } from '../settings/test-request.ts';
import { cellOptions } from './cell-options.ts';
import { refuseWrongCell } from './early-refusal.ts';
import { imageOptions } from './image-options.ts';
import { runProgram } from './program.ts';
import { verbs } from './verbs.ts';

const context = { signal: new AbortController().signal };

async function outputOf(...argv: string[]): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  const log = vi.spyOn(console, 'log').mockReturnValue();
  expect(await runProgram(argv, context)).toBe(0);
  return [...write.mock.calls, ...log.mock.calls].map(([text]) => String(text)).join('');
}

async function errorOf(...argv: string[]): Promise<CodedError> {
  const error = await runProgram(argv, context).catch((thrown: unknown) => thrown);
  if (!(error instanceof CodedError)) throw new Error(`expected a CodedError, got ${String(error)}`);
  return error;
}

afterEach(() => void vi.restoreAllMocks());

test.each([
  [['matirx'], 'did you mean matrix?'],
  [['matrix', '--tabel'], 'did you mean --table?'],
  [['run-tmt', 'image', '--file-system=ext4'], 'did you mean --filesystem?'],
  [[], '`xtask VERB --help` shows what a verb takes'],
  [['run-tmt'], '`xtask VERB --help` shows what a verb takes'],
  [['ci-matrix', '--tier=quick', '--tier=full'], '`xtask VERB --help` shows what a verb takes'],
  [['plan', '--profile=ci', '--profile=daily'], '`xtask VERB --help` shows what a verb takes'],
  [['run-tmt', 'image', '--log-dir=a', '--log-dir=b'], '`xtask VERB --help` shows what a verb takes'],
  [['doctor', '--no-json'], '`xtask VERB --help` shows what a verb takes'],
])('%j is a wrong command line', async (argv, hint) => {
  expect(await errorOf(...argv)).toMatchObject({ code: 'BAD_COMMAND_LINE', exitCode: 2, hint });
});

test('each verb can be loaded and has help', async () => {
  for (const { name, describe } of verbs) expect(await outputOf(name, '--help')).toContain(describe);
});

test('the verbs whose options choose a cell are those that check it early', async () => {
  for (const { name, load, takesCell } of verbs) {
    const { options } = await load();
    expect([name, takesCell ?? false]).toEqual([name, 'seal-state' in options]);
    if (takesCell === true) expect(options).toMatchObject(cellOptions);
  }
});

test('whatever follows the first word of a command belongs to it', async () => {
  const verb = await verbs.find(({ name }) => name === 'dev-ssh')?.load();
  const run = vi.spyOn(verb as unknown as { run: (args: unknown) => Promise<number> }, 'run').mockResolvedValue(7);
  for (const argv of [
    ['bootc', 'status', '--json'],
    ['--', 'bootc', 'status', '--json'],
  ]) {
    expect(await runProgram(['dev-ssh', ...argv], context)).toBe(7);
    expect(run.mock.lastCall?.[0]).toMatchObject({ command: ['bootc', 'status', '--json'] });
  }
});

test('a cell is refused before the command line is parsed, unless it may still become possible', async () => {
  await expect(refuseWrongCell(['plan', '--seal-state', 'sealed'])).rejects.toMatchObject({ code: 'CELL_IMPOSSIBLE' });
  await expect(refuseWrongCell(['plan', '--filesystem=xfs', '--filesystem=ext4'])).rejects.toMatchObject({
    code: 'BAD_SETTING',
  });
  await refuseWrongCell(['plan', '--seal-state=sealed', '--boot-type=uki', '--no-such-option', 'word']);
  await refuseWrongCell(['plan', '--seal-state=sealed', '--help']);
  await refuseWrongCell(['plan', '--seal-state=sealed', '--profile=no-such-profile']);
  await refuseWrongCell(['matrix', '--seal-state=sealed']);
  await refuseWrongCell([]);
});

test('a sealed cell without keys names the recipe that makes them', async () => {
  const cell = { ...defaultCell, bootType: 'uki', sealState: 'sealed' } as const;
  await expect(requireSecureBootKeys(cell, '/no/such/folder')).rejects.toMatchObject({
    code: 'SECURE_BOOT_KEYS_MISSING',
    hint: 'just generate-secureboot-keys',
  });
  await expect(requireSecureBootKeys(defaultCell, '/no/such/folder')).resolves.toBeUndefined();
});

test('a combination that is possible but not built here is not built as another one', async () => {
  const world = { environment: {}, dotenvFile: '/no/such/.env', profilesFolder: 'vm-profiles' };
  const settings = await loadSettings({
    ...world,
    commandLine: { variant: { value: 'ostree', from: '--variant' } },
  });
  expect(() => imageOptions(settings)).toThrow('makes no image for ostree');
  const buildable = await loadSettings({ ...world, environment: { BOOTC_base: 'localhost/base' } });
  expect(imageOptions(buildable)).toMatchObject({ base: 'localhost/base' });
});

test('a matrix with a wrong setting is refused as a whole', async () => {
  vi.stubEnv('BOOTC_profil', 'ci');
  const wrong = runProgram(['test-matrix', '--cells=grub', '--dry-run', '--parallel=x'], context);
  await expect(wrong).rejects.toMatchObject({ code: 'BAD_SETTING', exitCode: 2 });
  vi.unstubAllEnvs();
  await expect(runProgram(['test-matrix', '--dry-run', '--parallel=x'], context)).rejects.toMatchObject({
    code: 'BAD_SETTING',
    message: "--parallel: 'x' is no whole number from 1 to 99",
  });
});
