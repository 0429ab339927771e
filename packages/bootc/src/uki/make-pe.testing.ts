/** A PE32+ file with these sections, as little of one as readers of headers look at; content is padded to 512 bytes. */
export function makePe(sections: readonly (readonly [name: string, content: string | Uint8Array])[]): Buffer {
  const peOffset = 64;
  const optionalBytes = 112 + 16 * 8;
  const tableOffset = peOffset + 24 + optionalBytes;
  const alignment = 512;
  const align = (value: number): number => Math.ceil(value / alignment) * alignment;
  const headers = Buffer.alloc(align(tableOffset + 40 * sections.length));
  headers.write('MZ', 0, 'latin1');
  headers.writeUInt32LE(peOffset, 0x3c);
  headers.write('PE\0\0', peOffset, 'latin1');
  headers.writeUInt16LE(0x8664, peOffset + 4);
  headers.writeUInt16LE(sections.length, peOffset + 6);
  headers.writeUInt16LE(optionalBytes, peOffset + 20);
  headers.writeUInt16LE(0x20b, peOffset + 24);
  headers.writeUInt32LE(16, peOffset + 24 + 108);
  const contents: Buffer[] = [];
  let offset = headers.length;
  for (const [index, [name, text]] of sections.entries()) {
    const content = Buffer.from(text as string);
    const at = tableOffset + 40 * index;
    headers.write(name, at, 8, 'latin1');
    headers.writeUInt32LE(content.length, at + 8);
    headers.writeUInt32LE(align(content.length), at + 16);
    headers.writeUInt32LE(offset, at + 20);
    contents.push(content, Buffer.alloc(align(content.length) - content.length));
    offset += align(content.length);
  }
  return Buffer.concat([headers, ...contents]);
}

/** A unified kernel image with this command line; more sections come after its own. */
export function makeUki(
  commandLine: string,
  options: { kernel?: string; initrd?: string; more?: readonly (readonly [string, string])[] } = {},
): Buffer {
  return makePe([
    ['.osrel', 'ID=example\nPRETTY_NAME="Example Linux"\nVERSION_ID=7\n'],
    ['.cmdline', `${commandLine}\0`],
    ['.uname', '6.12.1'],
    ['.linux', options.kernel ?? 'kernel'],
    ['.initrd', options.initrd ?? 'initrd'],
    ...(options.more ?? []),
  ]);
}
