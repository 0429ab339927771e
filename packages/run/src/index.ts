export { CodedError, type CodedErrorOptions, describeError } from './coded-error.ts';
export { CommandError, type CommandFailure, lastLines, type RunOptions, type RunResult, run } from './command.ts';
export { quoteCommand, quoteWord } from './shell-quote.ts';
export { readToolArguments } from './tool-arguments.ts';
