import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

type Argv = [string, ...string[]];

/** The checks in the order in which they run: those first that are quick to say no. */
const checks: Readonly<Record<string, () => Promise<readonly Argv[]>>> = {
  lint: async () => [
    ['biome', 'check', '--error-on-warnings', '.'],
    ['shellcheck', ...(await shellScripts())],
  ],
  types: async () => [['tsc', '--noEmit']],
  unit: async () => [['vitest', 'run', '--project=unit']],
  interop: async () => [['vitest', 'run', '--project=interop']],
};
const names = Object.keys(checks);

async function shellScripts(): Promise<string[]> {
  const { run } = await import('@workbench/run');
  const { stdout } = await run(['git', 'ls-files', '-z', '*.sh', 'justw'], { step: 'list the shell scripts' });
  return stdout.split('\0').filter((name) => name !== '');
}

export const test = defineVerb({
  synopsis: '[check..]',
  positionals: {
    check: { type: 'string', array: true, choices: names, describe: 'which; default: all, in this order' },
  },
  options: {},
  examples: [['test lint types', 'what takes seconds']],
  run: async (args, { signal }) => {
    const { run } = await import('@workbench/run');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const chosen = names.filter((name) => !args.check?.length || args.check.includes(name));
    const passed: string[] = [];
    for (const name of chosen) {
      const startedAt = performance.now();
      for (const argv of (await checks[name]?.()) ?? []) {
        const { exitCode } = await run(argv, {
          step: name,
          stdio: 'inherit',
          okExitCodes: [1, 2],
          timeoutMs: 3_600_000,
          signal,
        });
        if (exitCode !== 0) {
          printLines([...passed, `${name} failed (${argv[0]} exited with ${exitCode})`]);
          return 1;
        }
      }
      passed.push(`${name} passed in ${formatDuration(performance.now() - startedAt)}`);
    }
    printLines(passed);
    return 0;
  },
});
