/** How a deployment is booted: a boot loader entry with kernel and initrd, or a unified kernel image. */
export type BootType = 'bls' | 'uki';

/**
 * What a deployment's origin file says. Members are absent when the key is; nothing is judged here, so that status can
 * report what is odd and the verbs that need a value can ask for it.
 */
export interface Origin {
  /** `container-image-reference`, with its signature scheme. */
  imageReference?: string;
  /** `boot_type` as written: `bls` or `uki` in every file this program wrote. */
  bootType?: string;
  /** `digest`: SHA-256 of kernel then initrd, 64 hex digits. */
  bootDigest?: string;
  /** `manifest_digest`: `sha256:` and 64 hex digits. Files of bootc 1.13 lack it. */
  manifestDigest?: string;
  /** Every other key, in the order of the file; kept when the file is written again. */
  others?: readonly OriginEntry[];
}

/** One key of an origin file that this program gives no meaning to. */
export interface OriginEntry {
  section: string;
  key: string;
  value: string;
}

const knownKeys = [
  { section: 'origin', key: 'container-image-reference', member: 'imageReference' },
  { section: 'boot', key: 'boot_type', member: 'bootType' },
  { section: 'boot', key: 'digest', member: 'bootDigest' },
  { section: 'image', key: 'manifest_digest', member: 'manifestDigest' },
] as const;

/**
 * Reads an origin file: INI as bootc 1.13 and later write it. `;` and `#` begin a comment anywhere in a line, blanks
 * around names and values do not count, of two equal keys the later wins, lines that are neither are passed over.
 */
export function parseOrigin(text: string): Origin {
  const origin: Origin = {};
  const others = new Map<string, OriginEntry>();
  let section = '';
  for (const rawLine of text.split('\n')) {
    const line = rawLine.replace(/[;#].*/, '').trim();
    const header = /^\[(.*)\]$/.exec(line);
    if (header !== null) {
      section = header[1]!.trim();
      continue;
    }
    const equals = line.indexOf('=');
    if (equals === -1) continue;
    const key = line.slice(0, equals).trim();
    const value = line.slice(equals + 1).trim();
    const known = knownKeys.find((candidate) => candidate.section === section && candidate.key === key);
    if (known !== undefined) origin[known.member] = value;
    else others.set(`${section}\n${key}`, { section, key, value });
  }
  return others.size === 0 ? origin : { ...origin, others: [...others.values()] };
}

/**
 * Writes an origin file, to the byte as bootc does: sections `origin`, `boot`, `image` in this order and then any
 * others, `key = value`, an empty line between sections, a newline at the end. What is absent is left out.
 */
export function formatOrigin(origin: Origin): string {
  const sections = new Map<string, string[]>();
  const add = (section: string, key: string, value: string): void => {
    const lines = sections.get(section) ?? [];
    sections.set(section, [...lines, `${key} = ${value}`]);
  };
  for (const { section, key, member } of knownKeys) {
    const value = origin[member];
    if (value !== undefined) add(section, key, value);
  }
  for (const { section, key, value } of origin.others ?? []) add(section, key, value);
  // Keys before any section header must stay before the first header.
  const ordered = [...sections].sort(([a], [b]) => Number(a !== '') - Number(b !== ''));
  return ordered.map(([name, lines]) => `${name === '' ? '' : `[${name}]\n`}${lines.join('\n')}\n`).join('\n');
}
