import { run } from '@workbench/run';

/** What an image says of itself in os-release(5). */
export interface ImageFacts {
  /** `ID-VERSION_ID`, or `ID` alone where a distribution has no versions. */
  distro: string;
  /** VARIANT_ID, or `unknown`. */
  variantId: string;
}

/** Reads /etc/os-release of an image, by running it. */
export async function readImageFacts(image: string, signal?: AbortSignal): Promise<ImageFacts> {
  const argv: [string, ...string[]] = ['podman', 'run', '--rm', '--network=none', '--pull=never', '--entrypoint=cat'];
  const { stdout } = await run([...argv, image, '/etc/os-release'], {
    step: `look into ${image}`,
    ...(signal === undefined ? {} : { signal }),
  });
  return imageFactsOf(stdout);
}

/** The facts in the text of an os-release file. */
export function imageFactsOf(osRelease: string): ImageFacts {
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
