import { findNode, type Repository, readFileNode, readImagePart } from '@workbench/composefs';
import { CodedError } from '@workbench/run';
import { parse } from 'smol-toml';
import { z } from 'zod';

/** How the initramfs makes `/etc` of a deployment: see initramfs-setup.sh. */
export type EtcMode = 'none' | 'bind' | 'overlay' | 'transient';

/** What the initramfs reads of an image, relative to its root: the text that dracut copies is this one. */
const setupRootConfiguration = { directory: 'usr/lib/composefs', name: 'setup-root-conf.toml' } as const;

const modeOfWord = {
  none: 'none',
  root: 'none',
  bind: 'bind',
  overlay: 'overlay',
  transient: 'transient',
  volatile: 'transient',
} as const;

// The rest of the file, and unknown keys, are the business of the initramfs.
const configurationSchema = z.object({
  etc: z
    .object({
      mount: z.enum(Object.keys(modeOfWord) as (keyof typeof modeOfWord)[]).optional(),
      transient: z.boolean().optional(),
    })
    .optional(),
});

/**
 * How `/etc` is made, by the text of `setup-root-conf.toml`; undefined where there is no such file.
 *
 * @throws CodedError `SETUP_ROOT_CONFIGURATION_INVALID`: an initramfs with it would not boot either.
 */
export function etcModeOf(text: string | undefined): EtcMode {
  const invalid = (why: string, cause?: unknown): CodedError => {
    const { directory, name } = setupRootConfiguration;
    return new CodedError('SETUP_ROOT_CONFIGURATION_INVALID', `/${directory}/${name} of the image: ${why}`, {
      hint: `[etc] may have mount = ${Object.keys(modeOfWord)
        .map((word) => `"${word}"`)
        .join(', ')}, or transient = true`,
      cause,
    });
  };
  let data: unknown;
  try {
    data = parse(text ?? '');
  } catch (cause) {
    throw invalid(cause instanceof Error ? cause.message.split('\n')[0]! : 'it is no TOML', cause);
  }
  const result = configurationSchema.safeParse(data);
  if (!result.success) {
    throw invalid(result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
  }
  const { mount, transient } = result.data.etc ?? {};
  if (mount !== undefined) return modeOfWord[mount];
  return transient === true ? 'transient' : 'bind';
}

/**
 * How `/etc` of a deployment is made, by what its image has in `/usr`.
 *
 * @throws CodedError `SETUP_ROOT_CONFIGURATION_INVALID`; `OBJECT_MISSING` when the repository has no such image.
 */
export async function readEtcMode(repository: Repository, deploymentId: string): Promise<EtcMode> {
  const path = `${setupRootConfiguration.directory}/${setupRootConfiguration.name}`;
  const node = findNode(readImagePart(repository, deploymentId, [path]), path);
  return etcModeOf(node?.type === 'file' ? (await readFileNode(repository, node)).toString('utf8') : undefined);
}
