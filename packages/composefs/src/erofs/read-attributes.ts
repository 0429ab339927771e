import { digestBytes, type HashAlgorithm, kernelHashId } from '../fsverity/algorithm.ts';
import type { ByteString } from '../tree/tree.ts';
import {
  escapedOverlayPrefix,
  metacopyName,
  namePrefixes,
  opaqueMarkers,
  overlayPrefix,
  redirectName,
  whiteoutMarkers,
  whiteoutsMarkers,
} from './attribute-names.ts';
import { attributeHeadBytes, roundUp } from './format.ts';
import { checkRange, invalidImage, type OpenedImage, type RawInode } from './open-image.ts';

/** An attribute as it stands in an image; the value is a view of it. */
export interface RawAttribute {
  name: ByteString;
  value: Buffer;
}

/** All attributes of an inode: the shared ones, then its own. Call it once for an inode. @throws CodedError `EROFS_INVALID`. */
export function readAttributes(image: OpenedImage, inode: RawInode): RawAttribute[] {
  const { attributesAt, attributeBytes } = inode;
  if (attributeBytes === 0) return [];
  image.claim(attributeBytes);
  const attributes: RawAttribute[] = [];
  const end = attributesAt + attributeBytes;
  const sharedCount = image.bytes.readUInt8(attributesAt + 4);
  let at = attributesAt + attributeHeadBytes;
  if (at + sharedCount * 4 > end) throw invalidImage(`inode ${inode.nid} has too many shared attributes`);
  for (let i = 0; i < sharedCount; i++, at += 4) {
    const entryAt = image.sharedBase + image.bytes.readUInt32LE(at) * 4;
    attributes.push(readEntry(image, entryAt, image.bytes.length).attribute);
  }
  while (at < end) {
    const { attribute, next } = readEntry(image, at, end);
    attributes.push(attribute);
    at = next;
  }
  return attributes;
}

function readEntry(image: OpenedImage, at: number, end: number): { attribute: RawAttribute; next: number } {
  const { bytes } = image;
  checkRange(image, at, 4, 'an attribute');
  const restBytes = bytes.readUInt8(at);
  const prefix = namePrefixes[bytes.readUInt8(at + 1)];
  const valueBytes = bytes.readUInt16LE(at + 2);
  const valueAt = at + 4 + restBytes;
  if (prefix === undefined || valueAt + valueBytes > end) throw invalidImage(`the attribute at byte ${at} is broken`);
  const name = prefix + bytes.toString('latin1', at + 4, valueAt);
  const value = bytes.subarray(valueAt, valueAt + valueBytes);
  return { attribute: { name, value }, next: roundUp(valueAt + valueBytes, 4) };
}

/** What attributes of composefs's own say of an inode. */
export interface OverlayFacts {
  /** Digest that overlayfs demands of the content. */
  metacopyDigest: string | undefined;
  /** Digest of the object whose path is the content's. */
  redirectDigest: string | undefined;
  isEscapedWhiteout: boolean;
}

/** Reads composefs's own attributes out of those of an inode. */
export function readOverlayFacts(attributes: readonly RawAttribute[], algorithm: HashAlgorithm): OverlayFacts {
  const facts: OverlayFacts = { metacopyDigest: undefined, redirectDigest: undefined, isEscapedWhiteout: false };
  for (const { name, value } of attributes) {
    if (name === metacopyName) facts.metacopyDigest = parseMetacopy(value, algorithm);
    else if (name === redirectName) facts.redirectDigest = parseRedirect(value, algorithm);
    else if (name === whiteoutMarkers[0]) facts.isEscapedWhiteout = true;
  }
  return facts;
}

function parseMetacopy(value: Buffer, algorithm: HashAlgorithm): string | undefined {
  const length = digestBytes[algorithm] + 4;
  if (value.length !== length) return undefined;
  const isValid = value[0] === 0 && value[1] === length && value[2] === 0 && value[3] === kernelHashId[algorithm];
  return isValid ? value.toString('hex', 4) : undefined;
}

function parseRedirect(value: Buffer, algorithm: HashAlgorithm): string | undefined {
  if (value.length !== digestBytes[algorithm] * 2 + 2) return undefined;
  const [, high, low] = /^\/([0-9a-f]{2})\/([0-9a-f]*)$/.exec(value.toString('latin1')) ?? [];
  return high === undefined || low === undefined ? undefined : high + low;
}

const markers: ReadonlySet<string> = new Set([...whiteoutMarkers, ...whiteoutsMarkers, ...opaqueMarkers]);

/** The attributes that a node had before an image was made of it: composefs's own are left out, escaped names restored. */
export function inputAttributes(attributes: readonly RawAttribute[]): Map<ByteString, Uint8Array> {
  const input = new Map<ByteString, Uint8Array>();
  for (const { name, value } of attributes) {
    if (markers.has(name)) continue;
    if (name.startsWith(escapedOverlayPrefix))
      input.set(overlayPrefix + name.slice(escapedOverlayPrefix.length), value);
    else if (!name.startsWith(overlayPrefix)) input.set(name, value);
  }
  return input;
}
