import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { parseKernelArguments } from './kernel-arguments.ts';

/** Where an image keeps its kernel arguments, relative to its root. */
export const kargsDirectory = 'usr/lib/bootc/kargs.d';

/** One file of kargs.d. */
export interface KargsFile {
  name: string;
  text: string;
}

const kargsSchema = z.strictObject({
  kargs: z.array(z.string()),
  'match-architectures': z.array(z.string()).optional(),
});

/**
 * The kernel arguments of an image's kargs.d files for an architecture (`x86_64`, …): `*.toml` in the order of their
 * names, other files passed over. One string of a file may hold several parameters.
 *
 * @throws CodedError `KARGS_FILE_INVALID` naming the file and everything that is wrong with it.
 */
export function kernelArgumentsOfFiles(files: readonly KargsFile[], architecture: string): string[] {
  return files
    .filter((file) => file.name.endsWith('.toml'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((file) => {
      const content = parseKargsFile(file);
      const architectures = content['match-architectures'];
      if (architectures !== undefined && !architectures.includes(architecture)) return [];
      return parseKernelArguments(content.kargs.join(' '));
    });
}

function parseKargsFile(file: KargsFile): z.infer<typeof kargsSchema> {
  const invalid = (why: string, cause?: unknown): CodedError =>
    new CodedError('KARGS_FILE_INVALID', `${kargsDirectory}/${file.name}: ${why}`, {
      hint: 'it needs kargs = ["…"], and may have match-architectures = ["…"]',
      cause,
    });
  let data: unknown;
  try {
    data = parse(file.text);
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.split('\n')[0]! : 'it is no TOML', cause);
  }
  const result = kargsSchema.safeParse(data);
  if (result.success) return result.data;
  throw invalid(result.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`).join('; '));
}

/** The kargs.d files of a mounted image or running system; none when the folder is absent. */
export async function readKargsFiles(root: string): Promise<KargsFile[]> {
  const directory = join(root, kargsDirectory);
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const wanted = names.filter((name) => name.endsWith('.toml'));
  return Promise.all(wanted.map(async (name) => ({ name, text: await readFile(join(directory, name), 'utf8') })));
}
