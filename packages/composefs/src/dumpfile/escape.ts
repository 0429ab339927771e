import { CodedError } from '@workbench/run';
import type { ByteString } from '../tree/tree.ts';

const unsafe = /[^\x21-\x7e]|\\/;
const named: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const meaning: Readonly<Record<string, string>> = { '\\': '\\', n: '\n', r: '\r', t: '\t' };

function escapeBytes(bytes: ByteString, pattern: RegExp): string {
  return bytes.replaceAll(pattern, (byte) => named[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** Bytes as a field of a dumpfile, where `-` stands for none at all. */
export function escapeField(bytes: ByteString): string {
  if (bytes === '') return '-';
  if (bytes === '-') return '\\x2d';
  return unsafe.test(bytes) ? escapeBytes(bytes, /[^\x21-\x7e]|\\/g) : bytes;
}

/** Bytes in a line for a person, where spaces need no escape. */
export function escapeLine(bytes: ByteString): string {
  return escapeBytes(bytes, /[^\x20-\x7e]|\\/g);
}

/** Bytes as the name or the value of an attribute, where `=` separates the two. */
export function escapeAttribute(bytes: ByteString): string {
  return escapeBytes(bytes, /[^\x21-\x7e]|[\\=]/g);
}

/**
 * The bytes that a field stands for.
 *
 * @throws CodedError `DUMPFILE_INVALID` for a backslash that begins none of `\\`, `\n`, `\r`, `\t`, `\xHH`.
 */
export function unescapeField(field: string): ByteString {
  if (!field.includes('\\')) return field;
  return field.replaceAll(/\\(x[0-9a-fA-F]{2}|.|$)/gs, (_, rest: string) => {
    if (rest.length === 3) return String.fromCharCode(Number.parseInt(rest.slice(1), 16));
    const byte = meaning[rest];
    if (byte !== undefined) return byte;
    throw new CodedError(
      'DUMPFILE_INVALID',
      rest === '' ? 'unterminated escape' : rest === 'x' ? 'invalid hex escape' : `invalid escape \\${rest}`,
      { hint: 'known are \\\\, \\n, \\r, \\t and \\xHH with two hex digits' },
    );
  });
}
