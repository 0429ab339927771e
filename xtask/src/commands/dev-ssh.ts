import { devSession } from './dev-session.ts';
import { defineVerb } from './verb.ts';

export const devSsh = defineVerb({
  synopsis: '[command..]',
  positionals: { command: { type: 'string', array: true, describe: 'what to run; default: a login shell' } },
  options: {},
  takesCommand: true,
  examples: [['dev-ssh bootc status --json', 'its exit code is that of the command']],
  run: async (args) => {
    const session = await devSession();
    return session.attach(args.command ?? [], process.stdin.isTTY === true && process.stdout.isTTY === true);
  },
});
