import { devSession } from './dev-session.ts';
import { printLines } from './print.ts';
import { defineVerb } from './verb.ts';

export const devSync = defineVerb({
  positionals: {},
  options: { watch: { type: 'boolean', describe: 'go on, and sync after each edit of the program’s sources' } },
  examples: [['dev-sync --watch', 'each edit is in the VM a few seconds later']],
  run: async (args, { signal }) => {
    const { describeError } = await import('@workbench/run');
    const { buildSysext } = await import('../dev/dev-vm.ts');
    const { useSysextVersion } = await import('../dev/sync.ts');
    const { followEdits } = await import('../dev/watch.ts');
    const { reportSteps } = await import('../steps/report-steps.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const { step } = await import('../steps/step.ts');
    const { workspaceRoot } = await import('../settings/workspace.ts');
    const session = await devSession();
    const sync = async (): Promise<void> => {
      const startedAt = performance.now();
      const { buildId } = await reportSteps(async () => {
        // The connection takes its time where guests are emulated, and so does the bundle.
        const [version] = await Promise.all([buildSysext(signal), session.open({ signal })]);
        await step('sync', () => useSysextVersion(session, version, signal));
        return version;
      });
      printLines([`the guest runs build ${buildId}, after ${formatDuration(performance.now() - startedAt)}`]);
    };
    await sync();
    if (args.watch !== true) return 0;
    printLines(['waiting for edits; Ctrl-C ends it']);
    for await (const file of followEdits(workspaceRoot, signal)) {
      printLines([`${file} changed`]);
      // A program that does not build is the next edit's to mend.
      await sync().catch((error: unknown) => {
        signal.throwIfAborted();
        printLines([describeError(error)]);
      });
    }
    return 0;
  },
});
