import type { ByteString } from '../tree/tree.ts';

/** Names that composefs itself puts into an image, and what hides names of the input from overlayfs. */
export const overlayPrefix = 'trusted.overlay.';
export const escapedOverlayPrefix = 'trusted.overlay.overlay.';
export const metacopyName = 'trusted.overlay.metacopy';
export const redirectName = 'trusted.overlay.redirect';
export const opaqueName = 'trusted.overlay.opaque';
export const selinuxName = 'security.selinux';

/** On an escaped whiteout. */
export const whiteoutMarkers = ['trusted.overlay.overlay.whiteout', 'user.overlay.whiteout'] as const;
/** On a directory that holds one. */
export const whiteoutsMarkers = ['trusted.overlay.overlay.whiteouts', 'user.overlay.whiteouts'] as const;
/** On such a directory as well, in format 1. */
export const opaqueMarkers = ['trusted.overlay.overlay.opaque', 'user.overlay.opaque'] as const;

/** Prefixes that stand as a number in an attribute entry (EROFS_XATTR_INDEX_*); the number is the place in the list. */
export const namePrefixes = [
  '',
  'user.',
  'system.posix_acl_access',
  'system.posix_acl_default',
  'trusted.',
  'lustre.',
  'security.',
] as const;

const lustreIndex = 5;

/** A name as an image stores it: the number of its prefix, and the rest. Only format 2 knows the prefix of Lustre. */
export function splitName(name: ByteString, knowsLustre: boolean): { index: number; rest: ByteString } {
  for (let index = namePrefixes.length - 1; index > 0; index--) {
    const prefix = namePrefixes[index] as string;
    if (name.startsWith(prefix) && (index !== lustreIndex || knowsLustre))
      return { index, rest: name.slice(prefix.length) };
  }
  return { index: 0, rest: name };
}

/** An attribute's name in an image: what overlayfs would take for its own is moved out of its way. */
export function escapeName(name: ByteString): ByteString {
  return name.startsWith(overlayPrefix) ? escapedOverlayPrefix + name.slice(overlayPrefix.length) : name;
}
