import type { ByteString } from './tree.ts';

/** The bytes of a text in UTF-8 as a {@link ByteString}: how names in a program's source are looked up in a tree. */
export function byteString(text: string): ByteString {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** A byte string as text for a person: UTF-8, with replacement characters where the bytes are not. */
export function textOf(bytes: ByteString): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Order of two byte strings by their bytes, a prefix first, for `sort`. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text);
}
