import { buildImageOf } from './build-image.ts';
import { settingsOf } from './test-options.ts';
import { type AnyVerb, defineVerb } from './verb.ts';

const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

/** Tests that start their VMs themselves, and what they find in podman's storage. */
interface VmTests {
  /** The name of their file begins with it. */
  readonly file: string;
  /** What of the cell they fix; the rest is what the settings say. */
  readonly cell: Parameters<typeof settingsOf>[0];
  readonly upgrades: boolean;
}

function defineVmTests({ file, cell, upgrades }: VmTests): AnyVerb {
  return defineVerb({
    synopsis: '[argument..]',
    positionals: { argument: { type: 'string', array: true, describe: 'for vitest, as in: -- -t NAME' } },
    options: {},
    takesCommand: true,
    run: async (args, { signal }) => {
      const settings = await settingsOf(cell);
      const { reportSteps } = await import('../steps/report-steps.ts');
      const { run } = await import('@workbench/run');
      await reportSteps(() => buildImageOf(settings, { makeKeys: cell['seal-state'] === 'sealed', upgrades }, signal));
      const { exitCode } = await run(['vitest', 'run', '--project=vm', file, ...(args.argument ?? [])], {
        step: `run the tests ${file}`,
        stdio: 'inherit',
        okExitCodes: anyExitCode,
        timeoutMs: 2 ** 31 - 1,
        signal,
      });
      return exitCode;
    },
  });
}

export const testSealed = defineVmTests({
  file: 'sealed-attacks',
  cell: { 'boot-type': 'uki', 'seal-state': 'sealed' },
  upgrades: true,
});

export const testDeadGuests = defineVmTests({ file: 'dead-guests', cell: {}, upgrades: false });
