import { chooseDevImage } from '../dev/dev-image.ts';
import { reportSteps } from '../steps/report-steps.ts';
import { settingsOf, vmOptions, wishesOf } from './test-options.ts';
import { defineVerb } from './verb.ts';

/** A VM is removed within seconds, also on a busy machine; who stopped the call does not wait forever. */
const removalMs = 60_000;
const anyExitCode = Array.from({ length: 256 }, (_, code) => code);

export const devEphemeral = defineVerb({
  synopsis: '[command..]',
  positionals: { command: { type: 'string', array: true, describe: 'what to run; default: a login shell' } },
  options: vmOptions,
  takesCommand: true,
  examples: [['dev-ephemeral bootc status', 'build, boot, run it, and remove the VM']],
  run: async (args, { signal }) => {
    const settings = await settingsOf(args);
    const { testRequest } = await import('../settings/test-request.ts');
    const { buildImages } = await import('../image/build.ts');
    const { imageOptions } = await import('./image-options.ts');
    const { openBcvk } = await import('../vm/open-bcvk.ts');
    const { run } = await import('@workbench/run');
    const chosen = await chooseDevImage(settings);
    const { image } = chosen.isBrought
      ? chosen
      : await reportSteps(() => buildImages({ ...imageOptions(settings), signal }));
    const request = testRequest(settings, wishesOf(image, [], args));
    const bcvk = await openBcvk(request.bcvk);
    const words = args.command ?? [];
    // Real bcvk boots the image itself: it installs nothing, and takes no options for that.
    const options =
      bcvk.program.kind === 'bundled'
        ? [...request.bcvkOptions, ...(await ownLabels())]
        : request.bcvkOptions.filter((option) => /^--(?:karg|memory)=/.test(option));
    const { exitCode } = await run(
      bcvk.command(['ephemeral', 'run-ssh', ...options, image, ...(words.length > 0 ? ['--', ...words] : [])]),
      {
        step: 'run a VM for one command',
        stdio: 'inherit',
        okExitCodes: anyExitCode,
        timeoutMs: 2 ** 31 - 1,
        killAfterMs: removalMs,
        signal,
      },
    );
    return exitCode;
  },
});

/** By them the VM is found and removed when this process could not do it. */
async function ownLabels(): Promise<string[]> {
  const { ownerLabelStart, testLabel } = await import('../vm/reaper.ts');
  const { ownerOf, formatOwner } = await import('../runs/owner.ts');
  return [testLabel, `${ownerLabelStart}${formatOwner(ownerOf())}`].map((label) => `--label=${label}`);
}
