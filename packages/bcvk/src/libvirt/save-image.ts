import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { CodedError } from '@workbench/run';

/**
 * The head of a file that `virsh save` writes, before the migration stream of QEMU: 92 bytes (magic, five words in the
 * byte order of the host, fourteen unused ones), then `data_len` bytes with the domain's XML, from `cookieOffset` on a
 * cookie of libvirt's own, both ended by NUL, and zeros: room for an XML that is longer (libvirt, src/qemu/qemu_saveimage.h).
 */
const magic = Buffer.from('LibvirtQemudSave', 'latin1');
const headBytes = 92;
const formatVersion = 2;
const wordAt = { version: 16, dataLength: 20, compressed: 28, cookieOffset: 32 };

/** What libvirt keeps in front of the memory. */
export interface SaveImageHead {
  /** Bytes between the head and the migration stream. */
  dataBytes: number;
  /** Opaque; belongs to the memory, whatever the domain is called. Empty: there is none. */
  cookie: string;
  /** The first 92 bytes. */
  raw: Buffer;
}

/**
 * Reads the head of a save image.
 *
 * @throws CodedError SAVE_IMAGE_UNREADABLE for another file, one that is half written, or a compressed one
 */
export function readSaveImage(file: string): SaveImageHead {
  const fd = openSync(file, 'r');
  try {
    const raw = Buffer.alloc(headBytes);
    if (readSync(fd, raw, 0, headBytes, 0) < headBytes || !raw.subarray(0, magic.length).equals(magic)) {
      throw unreadable(file, 'it does not begin as one');
    }
    const word = (name: keyof typeof wordAt) => raw.readUInt32LE(wordAt[name]);
    if (word('version') !== formatVersion) throw unreadable(file, `its version is ${word('version')}`);
    if (word('compressed') !== 0) throw unreadable(file, 'it is compressed');
    const dataBytes = word('dataLength');
    const data = Buffer.alloc(dataBytes);
    if (readSync(fd, data, 0, dataBytes, headBytes) < dataBytes) throw unreadable(file, 'it is cut off');
    const from = word('cookieOffset');
    const cookie = from === 0 ? '' : data.toString('utf8', from, data.indexOf(0, from));
    return { dataBytes, cookie, raw };
  } finally {
    closeSync(fd);
  }
}

/**
 * What stands before the migration stream for a domain with another XML: as many bytes as before, so that the stream stays
 * where it is. Pure.
 *
 * @throws CodedError SAVE_IMAGE_NO_ROOM
 */
export function saveImageBytes(head: SaveImageHead, xml: string): Buffer {
  const text = Buffer.from(`${xml}\0`);
  const cookie = head.cookie === '' ? Buffer.alloc(0) : Buffer.from(`${head.cookie}\0`);
  const used = text.length + cookie.length;
  if (used > head.dataBytes) {
    throw new CodedError('SAVE_IMAGE_NO_ROOM', `the domain takes ${used} bytes of ${head.dataBytes}`, {
      hint: 'give the VM fewer labels and ports, or add --snapshot=false',
    });
  }
  const raw = Buffer.from(head.raw);
  raw.writeUInt32LE(cookie.length === 0 ? 0 : text.length, wordAt.cookieOffset);
  return Buffer.concat([raw, text, cookie, Buffer.alloc(head.dataBytes - used)]);
}

/** Gives a save image another domain's XML, in place: whoever calls it holds the snapshot's lock until it is restored. */
export function renameSaveImage(file: string, head: SaveImageHead, xml: string): void {
  const bytes = saveImageBytes(head, xml);
  const fd = openSync(file, 'r+');
  try {
    writeSync(fd, bytes, 0, bytes.length, 0);
  } finally {
    closeSync(fd);
  }
}

function unreadable(file: string, why: string): CodedError {
  return new CodedError('SAVE_IMAGE_UNREADABLE', `${file} is no save image that can be used: ${why}`, {
    hint: 'save_image_format in /etc/libvirt/qemu.conf must be raw',
  });
}
