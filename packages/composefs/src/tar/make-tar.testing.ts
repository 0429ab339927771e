/** An entry of an archive that a test makes. */
export interface MadeEntry {
  name: string;
  type: 'file' | 'dir' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo';
  /** Octal. */
  mode?: string;
  uid?: number;
  gid?: number;
  mtime?: number;
  content?: string | Uint8Array;
  target?: string;
  device?: [major: number, minor: number];
  /** Records of a PAX header before the entry. */
  pax?: Record<string, string>;
}

const typeFlags = { file: '0', hardlink: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6' };

/** A ustar archive with its two zero blocks; names too long for it have to be given in a PAX header. */
export function makeTar(entries: readonly MadeEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(makeEntry), Buffer.alloc(1024)]);
}

/** The blocks of one entry, its PAX header first. */
export function makeEntry(entry: MadeEntry): Buffer[] {
  const content = Buffer.from(entry.content ?? '');
  const header = makeHeader({
    name: entry.name,
    typeFlag: typeFlags[entry.type],
    mode: Number.parseInt(entry.mode ?? '644', 8),
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    mtime: entry.mtime ?? 0,
    size: content.length,
    linkName: entry.target ?? '',
    device: entry.device ?? [0, 0],
  });
  const pax = entry.pax === undefined ? [] : makePax(entry.pax);
  return [...pax, header, padded(content)];
}

/** A header of one block; anything may be wrong in it. */
export function makeHeader(fields: {
  name: string;
  typeFlag: string;
  size: number;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  linkName?: string;
  device?: [number, number];
}): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, offset: number, length: number) =>
    block.write(value.toString(8).padStart(length - 1, '0'), offset, 'latin1');
  block.write(fields.name, 0, 100, 'latin1');
  octal(fields.mode ?? 0o644, 100, 8);
  octal(fields.uid ?? 0, 108, 8);
  octal(fields.gid ?? 0, 116, 8);
  octal(fields.size, 124, 12);
  octal(fields.mtime ?? 0, 136, 12);
  block.write(fields.typeFlag, 156, 'latin1');
  block.write(fields.linkName ?? '', 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  octal(fields.device?.[0] ?? 0, 329, 8);
  octal(fields.device?.[1] ?? 0, 337, 8);
  return writeChecksum(block);
}

/** Sets the checksum of a header that was changed. */
export function writeChecksum(block: Buffer): Buffer {
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** A PAX header with records, as the blocks before an entry. */
export function makePax(records: Record<string, string>): Buffer[] {
  const content = Buffer.concat(Object.entries(records).map(([key, value]) => paxRecord(key, value)));
  return [makeHeader({ name: 'PaxHeaders/x', typeFlag: 'x', size: content.length }), padded(content)];
}

/** Content with the zeros up to a whole block. */
export function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);
}

function paxRecord(key: string, value: string): Buffer {
  const body = Buffer.from(` ${key}=${value}\n`, 'latin1');
  let length = body.length + 1;
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
