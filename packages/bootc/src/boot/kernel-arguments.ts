/**
 * Kernel arguments as a list of single parameters. A parameter keeps the text it came with; two are the same when their
 * keys are equal with `-` read as `_` (as the kernel does) and their values are equal without quotes.
 */
export type KernelArguments = readonly string[];

/** A `composefs=` parameter. */
export interface ComposefsArgument {
  /** The deployment's id, without the mark. */
  deploymentId: string;
  /** Marked with `?`: the image is also mounted where fs-verity is missing. */
  isMissingVerityAllowed: boolean;
}

/** The key that names the deployment to boot. */
export const composefsKey = 'composefs';

/** Cuts a command line into parameters at blanks outside double quotes, as `next_arg` in the kernel's lib/cmdline.c. */
export function parseKernelArguments(text: string): string[] {
  return text.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
}

/** The command line of a list of parameters. */
export function formatKernelArguments(args: KernelArguments): string {
  return args.join(' ');
}

/** Key and value of one parameter, without quotes; a parameter without `=` has no value. */
export function splitKernelArgument(arg: string): { key: string; value: string | undefined } {
  const bare = arg.replaceAll('"', '');
  const equals = bare.indexOf('=');
  return equals === -1
    ? { key: bare, value: undefined }
    : { key: bare.slice(0, equals), value: bare.slice(equals + 1) };
}

/** Whether two parameters mean the same. */
export function isSameKernelArgument(a: string, b: string): boolean {
  const left = splitKernelArgument(a);
  const right = splitKernelArgument(b);
  return isSameKey(left.key, right.key) && left.value === right.value;
}

/** The value of the first parameter with this key that has one. */
export function findKernelArgument(args: KernelArguments, key: string): string | undefined {
  for (const arg of args) {
    const split = splitKernelArgument(arg);
    if (split.value !== undefined && isSameKey(split.key, key)) return split.value;
  }
  return undefined;
}

/** The list with more parameters at its end; one that is already there is not added again. */
export function addKernelArguments(args: KernelArguments, more: KernelArguments): string[] {
  const result = [...args];
  for (const arg of more) {
    if (!result.some((present) => isSameKernelArgument(present, arg))) result.push(arg);
  }
  return result;
}

/** The list without every parameter that is the same as one of `unwanted`. */
export function removeKernelArguments(args: KernelArguments, unwanted: KernelArguments): string[] {
  return args.filter((arg) => !unwanted.some((other) => isSameKernelArgument(arg, other)));
}

/** The first `composefs=` parameter, or undefined when there is none with a value. */
export function findComposefsArgument(args: KernelArguments): ComposefsArgument | undefined {
  const value = findKernelArgument(args, composefsKey);
  if (value === undefined || value === '') return undefined;
  const isMissingVerityAllowed = value.startsWith('?');
  return { deploymentId: isMissingVerityAllowed ? value.slice(1) : value, isMissingVerityAllowed };
}

/** The text of a `composefs=` parameter. */
export function formatComposefsArgument(argument: ComposefsArgument): string {
  return `${composefsKey}=${argument.isMissingVerityAllowed ? '?' : ''}${argument.deploymentId}`;
}

/** The list with this `composefs=` parameter in the place of the first one, or at the end; further ones are dropped. */
export function setComposefsArgument(args: KernelArguments, argument: ComposefsArgument): string[] {
  const text = formatComposefsArgument(argument);
  const isComposefs = (arg: string): boolean => isSameKey(splitKernelArgument(arg).key, composefsKey);
  const first = args.findIndex(isComposefs);
  if (first === -1) return [...args, text];
  return args.flatMap((arg, index) => (index === first ? [text] : isComposefs(arg) ? [] : [arg]));
}

function isSameKey(a: string, b: string): boolean {
  return a.replaceAll('-', '_') === b.replaceAll('-', '_');
}
