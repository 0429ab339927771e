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

/** An empty table for an image of a format. */
export function createAttributeTable(format: ErofsFormat): AttributeTable {
  const attributes = new Map<string, Attribute>();
  const names = new Map<ByteString, Pick<Attribute, 'index' | 'rest' | 'filterBit'>>();

  const nameParts = (name: ByteString) => {
    const known = names.get(name);
    if (known !== undefined) return known;
    const { index, rest } = splitName(name, format === 2);
    const filterBit = 1 << (xxhash32(Buffer.from(rest, 'latin1'), (filterSeed + index) >>> 0) & 31);
    const parts = { index, rest, filterBit };
    names.set(name, parts);
    return parts;
  };
  const make = (name: ByteString, value: Uint8Array): Attribute => {
    const parts = nameParts(name);
    if (parts.rest.length > longestRestBytes || value.length > longestValueBytes) {
      throw new CodedError('EROFS_LIMIT', `the attribute ${textOf(name)} is too long for an image`, {
        hint: 'a name may have 255 bytes and a value 65535; remove the attribute',
      });
    }
    const entryBytes = roundUp(entryHeadBytes + parts.rest.length + value.length, wordBytes);
    return { name, ...parts, value, uses: 0, entryBytes, sharedAt: -1 };
  };
  const useKeyed = (name: ByteString, key: string, makeValue: () => Uint8Array): Attribute => {
    const whole = `${name}\0${key}`;
    let attribute = attributes.get(whole);
    if (attribute === undefined) {
      attribute = make(name, makeValue());
      attributes.set(whole, attribute);
    }
    attribute.uses++;
    return attribute;
  };

  return {
    useKeyed,
    use: (name, value) => useKeyed(name, latin1(value), () => value),
    share() {
      const shared: Attribute[] = [];
      for (const attribute of attributes.values()) if (attribute.uses > 1) shared.push(attribute);
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
