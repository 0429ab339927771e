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
    const { devPlaces } = await import('../dev/dev-places.ts');
    const { useSysextVersion } = await import('../dev/sync.ts');
    const { followEdits } = await import('../dev/watch.ts');
    const { reportSteps } = await import('../steps/report-steps.ts');
    const { formatDuration } = await import('../steps/plain-renderer.ts');
    const { step } = await import('../steps/step.ts');
    const { workspaceRoot } = await import('../settings/workspace.ts');
    const startedAt = performance.now();
    const session = await devSession();
    const sync = async (startedAt: number): Promise<void> => {
      const { buildId } = await reportSteps(async () => {
        // The connection takes its time where guests are emulated, and so does the bundle.
        const [version] = await Promise.all([buildSysext(signal), session.open({ signal })]);
        await step('sync', () => useSysextVersion(session, version, { folder: devPlaces.sysext, signal }));
        return version;
      });
      printLines([`the guest runs build ${buildId}, after ${formatDuration(performance.now() - startedAt)}`]);
    };
    if (args.watch !== true) {
      await sync(startedAt);
      return 0;
    }
    // An edit during the first sync counts too, and a program that does not build is the next edit's to mend.
    const edits = followEdits(workspaceRoot, signal);
    const trySync = async (since: number): Promise<void> => {
      await sync(since).catch((error: unknown) => {
        signal.throwIfAborted();
        printLines([describeError(error)]);
      });
      printLines(['waiting for edits; Ctrl-C ends it']);
    };
    await trySync(startedAt);
    for await (const { file, at } of edits) {
      printLines([`${file} changed`]);
      await trySync(at);
    }
    return 0;
  },
});
