/** The option that names a descriptor this program was started with. */
const option = '--progress-fd';

/**
 * The descriptor that a command line names for the progress, as far as can be told without parsing it: it has to stay open when this
 * program replaces itself.
 */
export function inheritedDescriptor(args: readonly string[]): number | undefined {
  const at = args.indexOf(option);
  const text = at === -1 ? args.find((arg) => arg.startsWith(`${option}=`))?.slice(option.length + 1) : args[at + 1];
  return text !== undefined && /^[0-9]{1,5}$/.test(text) ? Number(text) : undefined;
}
