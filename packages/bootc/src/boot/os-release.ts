/** The fields of os-release(5), unquoted, by name. */
export type OsRelease = ReadonlyMap<string, string>;

/** Paths of os-release in an image, in the order in which they are tried, relative to its root. */
export const osReleasePaths = ['usr/lib/os-release', 'etc/os-release'] as const;

/** Reads os-release(5): shell assignments, values perhaps in single or double quotes. Other lines are passed over. */
export function parseOsRelease(text: string): OsRelease {
  const fields = new Map<string, string>();
  for (const rawLine of text.split('\n')) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(rawLine.trim());
    if (match !== null) fields.set(match[1]!, unquote(match[2]!));
  }
  return fields;
}

function unquote(value: string): string {
  const quote = value[0];
  if (value.length < 2 || (quote !== '"' && quote !== "'") || !value.endsWith(quote)) return value;
  const inner = value.slice(1, -1);
  return quote === "'" ? inner : inner.replaceAll(/\\(["\\$`])/g, '$1');
}

/** How a boot entry names an operating system. */
export interface EntryNaming {
  osId: string;
  title: string;
  version: string;
}

/**
 * What a boot entry says of the system it boots: id `ID`, else `bootc`; title `PRETTY_NAME`, else `NAME`, else `ID`;
 * version `VERSION_ID`, else `VERSION`; the deployment's id where nothing else is known.
 */
export function entryNaming(osRelease: OsRelease, deploymentId: string): EntryNaming {
  const first = (...keys: string[]): string | undefined =>
    keys.map((key) => osRelease.get(key)).find((value) => value !== undefined && value !== '');
  return {
    osId: first('ID') ?? 'bootc',
    title: first('PRETTY_NAME', 'NAME', 'ID') ?? deploymentId,
    version: first('VERSION_ID', 'VERSION') ?? deploymentId,
  };
}
