import { devSession } from './dev-session.ts';
import { defineVerb } from './verb.ts';

export const devLogs = defineVerb({
  synopsis: '[argument..]',
  positionals: { argument: { type: 'string', array: true, describe: 'for journalctl; default: --follow' } },
  options: {},
  takesCommand: true,
  examples: [['dev-logs -- -u bootc-finalize-staged', 'the journal of one unit']],
  run: async (args) => {
    const session = await devSession();
    const words = args.argument?.length ? args.argument : ['--follow', '--lines=50'];
    const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
    return session.attach(['journalctl', ...words], isTerminal);
  },
});
