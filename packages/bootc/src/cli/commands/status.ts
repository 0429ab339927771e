import type { StatusFormat } from '../../status/format-document.ts';
import { defineCommand } from '../define-command.ts';
import { choice, flag, value } from '../options.ts';

/** `bootc status` */
export const statusCommand = defineCommand({
  command: 'status',
  describe: 'Show what is booted, what is staged and what to fall back to',
  options: {
    format: choice(['humanreadable', 'yaml', 'json'], 'Output format', {
      defaultDescription: 'humanreadable on a terminal, else yaml',
    }),
    'format-version': value('Version of the document; 1 is the only one there is'),
    json: flag('Print JSON', { hidden: true }),
    booted: flag('Only the booted deployment'),
    verbose: flag('More about each deployment', { alias: 'v' }),
  },
  handler: async (args) => {
    const { assertFormatVersion, showStatus } = await import('../../status/show-status.ts');
    assertFormatVersion(args.formatVersion);
    await showStatus({ format: formatOf(args), onlyBooted: args.booted === true, isVerbose: args.verbose === true });
  },
});

function formatOf(args: { format?: StatusFormat | undefined; json?: boolean | undefined }): StatusFormat {
  if (args.format !== undefined) return args.format;
  if (args.json) return 'json';
  return process.stdout.isTTY ? 'humanreadable' : 'yaml';
}
