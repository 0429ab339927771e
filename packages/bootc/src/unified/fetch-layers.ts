import { run } from '@workbench/run';
import { z } from 'zod';
import type { LayerDescriptor } from './pull-progress.ts';
import { type AuthOptions, registryAuthFile } from './registry-auth.ts';

const manifestSchema = z.looseObject({
  layers: z.array(z.looseObject({ digest: z.string(), size: z.number() })).optional(),
  manifests: z
    .array(
      z.looseObject({
        digest: z.string(),
        platform: z.looseObject({ architecture: z.string(), os: z.string() }).optional(),
      }),
    )
    .optional(),
});
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

/**
 * The layers of an image in a registry by its manifest, for totals of progress; undefined when the manifest cannot be had:
 * then the pull itself will tell why.
 *
 * @param name whole name of the image.
 */
export async function fetchLayers(
  name: string,
  options: AuthOptions & { signal?: AbortSignal | undefined },
): Promise<readonly LayerDescriptor[] | undefined> {
  const authFile = await registryAuthFile(options);
  const inspect = async (reference: string) => {
    const { stdout } = await run(['skopeo', 'inspect', '--raw', '--authfile', authFile, `docker://${reference}`], {
      step: `look at ${reference}`,
      timeoutMs: 60_000,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    return manifestSchema.parse(JSON.parse(stdout));
  };
  try {
    const top = await inspect(name);
    if (top.layers !== undefined) return top.layers;
    const fitting = top.manifests?.find(
      ({ platform }) => platform?.os === 'linux' && platform.architecture === architectures[process.arch],
    );
    if (fitting === undefined) return undefined;
    return (await inspect(`${name.replace(/(:[^:/@]*)?(@.*)?$/, '')}@${fitting.digest}`)).layers;
  } catch {
    options.signal?.throwIfAborted();
    return undefined;
  }
}
