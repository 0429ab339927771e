import { CodedError } from '@workbench/run';

/** What an entry boots: a kernel with its initrds and arguments, or an EFI program such as a unified kernel image. */
export type BootTarget =
  | { kind: 'linux'; linux: string; initrds: readonly string[]; options?: string }
  /** `key` is the word used in the file: `uki` is understood by systemd-boot 258 and later only. */
  | { kind: 'efi'; key: 'efi' | 'uki'; path: string };

/** A Type #1 entry of the UAPI Boot Loader Specification. Paths are absolute on the partition that holds the entry. */
export interface BlsEntry {
  title?: string;
  version: string;
  target: BootTarget;
  machineId?: string;
  sortKey?: string;
  /** Keys this program gives no meaning to, in the order of the file; kept when the entry is written again. */
  others?: readonly (readonly [key: string, value: string])[];
}

/**
 * Reads a Type #1 entry. Lines are trimmed, `#` begins a comment line, key and value part at the first blank, a key
 * that may stand once and stands twice has its last value.
 *
 * @throws CodedError `BOOT_ENTRY_INVALID` without `version`, or without exactly one of `linux` and `efi`/`uki`.
 */
export function parseBlsEntry(text: string, fileName: string): BlsEntry {
  const once = new Map<string, string>();
  const initrds: string[] = [];
  const others: [string, string][] = [];
  for (const rawLine of text.split('\n')) {
    const line = rawLine.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, key, value] = /^(\S+)\s*(.*)$/.exec(line)!;
    if (key === 'initrd') initrds.push(value!);
    else if (knownKeys.has(key!)) once.set(key!, value!);
    else others.push([key!, value!]);
  }
  const version = once.get('version');
  if (version === undefined) throw invalid(fileName, 'it has no version');
  const title = once.get('title');
  const machineId = once.get('machine-id');
  const sortKey = once.get('sort-key');
  return {
    version,
    target: readTarget(once, initrds, fileName),
    ...(title === undefined ? {} : { title }),
    ...(machineId === undefined ? {} : { machineId }),
    ...(sortKey === undefined ? {} : { sortKey }),
    ...(others.length === 0 ? {} : { others }),
  };
}

const knownKeys = new Set(['title', 'version', 'linux', 'options', 'efi', 'uki', 'machine-id', 'sort-key']);

function readTarget(once: ReadonlyMap<string, string>, initrds: readonly string[], fileName: string): BootTarget {
  const present = (['linux', 'efi', 'uki'] as const).filter((key) => once.has(key));
  const [key, ...more] = present;
  if (key === undefined) throw invalid(fileName, 'it has neither linux nor efi nor uki');
  if (more.length > 0) throw invalid(fileName, `it has ${present.join(' and ')}, which exclude each other`);
  const path = once.get(key)!;
  if (key !== 'linux') return { kind: 'efi', key, path };
  const options = once.get('options');
  return { kind: 'linux', linux: path, initrds, ...(options === undefined ? {} : { options }) };
}

/**
 * Writes a Type #1 entry: `title`, `version`, then `efi`/`uki` or `linux`, `initrd`s and `options`, then `machine-id`,
 * `sort-key` and the keys that were kept; one `key value` a line, a newline at the end.
 */
export function formatBlsEntry(entry: BlsEntry): string {
  const { target } = entry;
  const lines: (readonly [string, string | undefined])[] = [
    ['title', entry.title],
    ['version', entry.version],
    ...(target.kind === 'efi'
      ? ([[target.key, target.path]] as const)
      : ([
          ['linux', target.linux],
          ...target.initrds.map((initrd) => ['initrd', initrd] as const),
          ['options', target.options],
        ] as const)),
    ['machine-id', entry.machineId],
    ['sort-key', entry.sortKey],
    ...(entry.others ?? []),
  ];
  return lines.flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${value}\n`])).join('');
}

function invalid(fileName: string, why: string): CodedError {
  return new CodedError('BOOT_ENTRY_INVALID', `boot entry ${fileName} cannot be used: ${why}`, {
    hint: 'compare it with the Boot Loader Specification, or remove it if nothing needs it',
  });
}
