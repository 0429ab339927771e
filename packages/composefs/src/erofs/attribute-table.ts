import { CodedError } from '@workbench/run';
import { compareBytes, textOf } from '../tree/byte-string.ts';
import type { ByteString } from '../tree/tree.ts';
import { splitName } from './attribute-names.ts';
import { type ErofsFormat, filterSeed, roundUp } from './format.ts';
import { xxhash32 } from './xxhash32.ts';

/** One name and value, the same object wherever it occurs in an image. */
export interface Attribute {
  /** The whole name, as stored. */
  name: ByteString;
  index: number;
  rest: ByteString;
  value: Uint8Array;
  /** How often it occurs; what occurs more than once is stored once, in the shared area. */
  uses: number;
  /** Size of its entry, padding included. */
  entryBytes: number;
  /** Its bit in the name filter. */
  filterBit: number;
  /** Where its entry begins in the shared area, in bytes from the end of the inodes; -1 if it is not shared. */
  sharedAt: number;
}

/** All attributes of an image. */
export interface AttributeTable {
  /** The attribute of this name and value, used once more. */
  use(name: ByteString, value: Uint8Array): Attribute;
  /** As `use`, where a key of the caller's stands for the value, which is made only once. */
  useKeyed(name: ByteString, key: string, makeValue: () => Uint8Array): Attribute;
  /** Decides what is shared. The shared attributes in the order of their entries, and the size of the area. */
  share(): { shared: Attribute[]; sharedBytes: number };
}

const entryHeadBytes = 4;
const wordBytes = 4;
const longestRestBytes = 255;
const longestValueBytes = 65535;

interface KnownName {
  name: ByteString;
  index: number;
  rest: ByteString;
  filterBit: number;
  byKey: Map<string, Attribute>;
}

/** An empty table for an image of a format. */
export function createAttributeTable(format: ErofsFormat): AttributeTable {
  const names = new Map<ByteString, KnownName>();

  const knownName = (name: ByteString): KnownName => {
    let known = names.get(name);
    if (known === undefined) {
      const { index, rest } = splitName(name, format === 2);
      const filterBit = 1 << (xxhash32(Buffer.from(rest, 'latin1'), (filterSeed + index) >>> 0) & 31);
      known = { name, index, rest, filterBit, byKey: new Map() };
      names.set(name, known);
    }
    return known;
  };
  const useKeyed = (name: ByteString, key: string, makeValue: () => Uint8Array): Attribute => {
    const known = knownName(name);
    let attribute = known.byKey.get(key);
    if (attribute === undefined) {
      attribute = makeAttribute(known, makeValue());
      known.byKey.set(key, attribute);
    }
    attribute.uses++;
    return attribute;
  };

  return {
    useKeyed,
    use: (name, value) => useKeyed(name, latin1(value), () => value),
    share() {
      const shared: Attribute[] = [];
      for (const { byKey } of names.values()) {
        for (const attribute of byKey.values()) if (attribute.uses > 1) shared.push(attribute);
      }
      shared.sort(format === 2 ? compareByIndex : (a, b) => compareAttributes(b, a));
      let sharedBytes = 0;
      for (const attribute of shared) {
        attribute.sharedAt = sharedBytes;
        sharedBytes += attribute.entryBytes;
      }
      return { shared, sharedBytes };
    },
  };
}

function makeAttribute({ name, index, rest, filterBit }: KnownName, value: Uint8Array): Attribute {
  if (rest.length > longestRestBytes || value.length > longestValueBytes) {
    throw new CodedError('EROFS_LIMIT', `the attribute ${textOf(name)} is too long for an image`, {
      hint: 'a name may have 255 bytes and a value 65535; remove the attribute',
    });
  }
  const entryBytes = roundUp(entryHeadBytes + rest.length + value.length, wordBytes);
  return { name, index, rest, value, uses: 0, entryBytes, filterBit, sharedAt: -1 };
}

/** Order of attributes in an inode of formats 0 and 1: by name, then the shorter value first, then by its bytes. */
export function compareAttributes(a: Attribute, b: Attribute): number {
  return (
    compareBytes(a.name, b.name) || a.value.length - b.value.length || (a === b ? 0 : Buffer.compare(a.value, b.value))
  );
}

function compareByIndex(a: Attribute, b: Attribute): number {
  return a.index - b.index || compareBytes(a.rest, b.rest) || Buffer.compare(a.value, b.value);
}

function latin1(bytes: Uint8Array): ByteString {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** Writes an attribute's entry, whose padding is zero in the image already. */
export function writeAttributeEntry(image: Buffer, offset: number, attribute: Attribute): void {
  image[offset] = attribute.rest.length;
  image[offset + 1] = attribute.index;
  image.writeUInt16LE(attribute.value.length, offset + 2);
  image.write(attribute.rest, offset + entryHeadBytes, 'latin1');
  image.set(attribute.value, offset + entryHeadBytes + attribute.rest.length);
}
