import type { ErofsFormat } from '../repository/metadata.ts';
import type { AttributePolicy } from '../tree/image-transform.ts';

/** Which image of a configuration a named reference leads to. */
export interface ImageVariant {
  format: ErofsFormat;
  /** With the boot transformation. */
  isBootable: boolean;
  /** Which extended attributes were kept. */
  attributes: string;
}

const defaultAttributes: AttributePolicy = 'allowlist-only';

// The order in which they are added to a configuration's stream, which its digest depends on.
const variants: readonly [name: string, variant: Omit<ImageVariant, 'attributes'>][] = [
  ['composefs.image', { format: 2, isBootable: false }],
  ['composefs.image.v1', { format: 1, isBootable: false }],
  ['composefs.image.boot', { format: 2, isBootable: true }],
  ['composefs.image.boot.v1', { format: 1, isBootable: true }],
];

const anyImage = 'composefs.image';

/** What a named reference of a configuration's stream leads to, or undefined if to no image. */
export function variantOf(reference: string): ImageVariant | undefined {
  const [name, attributes = defaultAttributes] = reference.split('.xattrs=', 2);
  const variant = variants.find(([known]) => known === name)?.[1];
  return variant === undefined ? undefined : { ...variant, attributes };
}

/** The named reference that leads to an image. */
export function referenceOf({ format, isBootable, attributes }: ImageVariant): string {
  const [name] = variants.find(([, known]) => known.format === format && known.isBootable === isBootable) ?? [];
  if (name === undefined) throw new TypeError(`nothing refers to images of format ${format}`);
  return attributes === defaultAttributes ? name : `${name}.xattrs=${attributes}`;
}

/**
 * The images that the named references of a configuration's stream lead to, by format. Other attribute policies are
 * left out.
 */
export function imagesOf(named: ReadonlyMap<string, string>, isBootable: boolean): Map<ErofsFormat, string> {
  const images = new Map<ErofsFormat, string>();
  for (const [name, variant] of variants) {
    const digest = named.get(name);
    if (digest !== undefined && variant.isBootable === isBootable) images.set(variant.format, digest);
  }
  return images;
}

/**
 * The named references to images for a configuration's stream, in their order: those that were there, with the new ones
 * added or in their place.
 */
export function mergeImageReferences(
  former: ReadonlyMap<string, string>,
  images: ReadonlyMap<ErofsFormat, string>,
  bootImages: ReadonlyMap<ErofsFormat, string>,
): [name: string, digest: string][] {
  const merged: [string, string][] = [];
  for (const [name, { format, isBootable }] of variants) {
    const digest = (isBootable ? bootImages : images).get(format) ?? former.get(name);
    if (digest !== undefined) merged.push([name, digest]);
  }
  const known = new Set(variants.map(([name]) => name));
  const others = [...former].filter(([name]) => name.startsWith(anyImage) && !known.has(name));
  return [...merged, ...others];
}
