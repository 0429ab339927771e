import { configurationArchitecture } from '../boot/architecture.ts';
import { kargsDirectory, kernelArgumentsOfFiles, readKargsFiles } from '../boot/kargs-d.ts';
import { addKernelArguments, formatComposefsArgument, formatKernelArguments } from '../boot/kernel-arguments.ts';

/** One parameter of a command line, and where it comes from. */
interface SealedArgument {
  text: string;
  source: string;
}

/** The command line that goes into a unified kernel image: nothing can be added to it once it is signed. */
export interface SealedCommandLine {
  text: string;
  arguments: readonly SealedArgument[];
}

/**
 * Puts the command line together: the parameters of the image's kargs.d, `composefs=`, then further ones. Of identical ones the first
 * stays.
 *
 * @throws CodedError `KARGS_FILE_INVALID`.
 */
export async function sealedCommandLine(
  root: string,
  options: { digest: string; isMissingVerityAllowed: boolean; more: readonly string[] },
): Promise<SealedCommandLine> {
  const architecture = configurationArchitecture();
  const files = (await readKargsFiles(root)).sort((a, b) => (a.name < b.name ? -1 : 1));
  const { digest: deploymentId, isMissingVerityAllowed } = options;
  const wanted: SealedArgument[] = [
    ...files.flatMap((file) =>
      kernelArgumentsOfFiles([file], architecture).map((text) => ({ text, source: `${kargsDirectory}/${file.name}` })),
    ),
    { text: formatComposefsArgument({ deploymentId, isMissingVerityAllowed }), source: 'the digest of the image' },
    ...options.more.map((text) => ({ text, source: '--karg' })),
  ];
  const kept: SealedArgument[] = [];
  let texts: readonly string[] = [];
  for (const argument of wanted) {
    const longer = addKernelArguments(texts, [argument.text]);
    if (longer.length > texts.length) kept.push(argument);
    texts = longer;
  }
  return { text: formatKernelArguments(texts), arguments: kept };
}

/** The command line as a table for people: one parameter a line, and where it comes from. */
export function describeCommandLine(commandLine: SealedCommandLine): string {
  const lines = commandLine.arguments.map(({ text, source }) => `  ${text}    (${source})\n`);
  return `Kernel command line, as it is sealed:\n${lines.join('')}`;
}
