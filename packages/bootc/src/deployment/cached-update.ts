import { canonicalJson } from './canonical-json.ts';
import { parseJsonObject } from './json-object.ts';

/** What `bootc upgrade --check` found where the system looks for updates. */
export interface CachedUpdate {
  /** The image, with its transport. */
  reference: string;
  /** `sha256:…` of the manifest. */
  manifestDigest: string;
  version: string | null;
  /** RFC 3339, as the image has it. */
  created: string | null;
  architecture: string;
}

/** Folder and name of the record, relative to `/`. On tmpfs: what was found before the reboot may be old. */
export const cachedUpdatePath = { directory: 'run/bootc', name: 'cached-update.json' } as const;

/** The record as it is written. */
export function formatCachedUpdate(update: CachedUpdate): string {
  return canonicalJson({ ...update });
}

/** Reads the record; undefined for anything that is none. */
export function parseCachedUpdate(text: string): CachedUpdate | undefined {
  const record = parseJsonObject(text);
  if (record === undefined) return undefined;
  const { reference, manifestDigest, version, created, architecture } = record;
  const isText = (field: unknown): field is string => typeof field === 'string';
  const isTextOrNull = (field: unknown): field is string | null => field === null || isText(field);
  if (!isText(reference) || !isText(manifestDigest) || !isText(architecture)) return undefined;
  if (!isTextOrNull(version) || !isTextOrNull(created)) return undefined;
  return { reference, manifestDigest, version, created, architecture };
}
