import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError, CommandError, run } from '@workbench/run';
import { inspectImage, podman } from '../image/podman.ts';
import type { Machine } from '../vm/machine.ts';
import { sshCommand } from '../vm/ssh-probe.ts';

/** What an image says of itself in os-release(5), and which one it is. */
export interface ImageFacts {
  /** Digest of its manifest, with `sha256:`. */
  digest: string;
  /** `ID-VERSION_ID`, or `ID` alone where a distribution has no versions. */
  distro: string;
  /** VARIANT_ID, or `unknown`. */
  variantId: string;
}

/**
 * Reads /usr/lib/os-release of an image, without running anything of it.
 *
 * @param workFolder an existing folder for the copy.
 * @throws CodedError IMAGE_UNKNOWN when podman has no such image, IMAGE_WITHOUT_OS_RELEASE when it holds no system.
 */
export async function readImageFacts(image: string, workFolder: string, signal?: AbortSignal): Promise<ImageFacts> {
  const options = { step: `look into image ${image}`, ...(signal === undefined ? {} : { signal }) };
  const inspected = await inspectImage(image, signal);
  if (inspected === undefined) {
    throw new CodedError('IMAGE_UNKNOWN', `there is no image ${image} in the container storage of this user`, {
      hint: 'xtask build makes localhost/bootc; podman images lists what there is',
    });
  }
  const copy = join(workFolder, 'os-release');
  const container = (await podman(['create', '--pull=never', image, 'true'], options)).stdout.trim();
  try {
    await podman(['cp', `${container}:/usr/lib/os-release`, copy], options);
  } catch (error) {
    if (!(error instanceof CommandError) || !/could not be found/.test(error.stderr)) throw error;
    throw new CodedError('IMAGE_WITHOUT_OS_RELEASE', `image ${image} has no /usr/lib/os-release`, {
      hint: 'it holds no operating system: build one from a bootc base',
      cause: error,
    });
  } finally {
    await podman(['rm', '--force', container], { step: options.step });
  }
  return { digest: inspected.digest, ...imageFactsOf(await readFile(copy, 'utf8')) };
}

/**
 * Reads /usr/lib/os-release of a guest that answers over ssh: it has that also when nothing is left of the image it was made of.
 *
 * @throws CommandError when the guest does not give it.
 */
export async function readGuestFacts(
  { target, deadlines }: Pick<Machine, 'target' | 'deadlines'>,
  signal?: AbortSignal,
): Promise<Omit<ImageFacts, 'digest'>> {
  const { stdout } = await run([...sshCommand(target), 'cat', '/usr/lib/os-release'], {
    step: 'ask the guest for its distribution',
    timeoutMs: deadlines.sshTryMs,
    ...(signal === undefined ? {} : { signal }),
  });
  return imageFactsOf(stdout);
}

/** The facts in the text of an os-release file. */
export function imageFactsOf(osRelease: string): Omit<ImageFacts, 'digest'> {
  const values = new Map<string, string>();
  for (const line of osRelease.split('\n')) {
    const [, name, value] = /^([A-Z0-9_]+)=(.*)$/.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, unquote(value));
  }
  const id = values.get('ID') ?? 'linux';
  const version = values.get('VERSION_ID');
  return { distro: version === undefined ? id : `${id}-${version}`, variantId: values.get('VARIANT_ID') ?? 'unknown' };
}

/** A value as os-release(5) allows it: bare, or in quotes with backslashes before what a shell would take for its own. */
function unquote(value: string): string {
  const quoted = /^(['"])(.*)\1$/.exec(value);
  return (quoted?.[2] ?? value).replaceAll(/\\(.)/g, '$1');
}
