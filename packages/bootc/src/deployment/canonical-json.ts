/** Anything JSON can say; an `undefined` member is left out. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined };

/**
 * JSON in its one canonical form (OLPC canonical JSON): keys sorted by their bytes, no white space, no newline at the
 * end. Two programs that write the same value write the same bytes, so documents can be compared and hashed.
 */
export function canonicalJson(value: JsonValue): string {
  return JSON.stringify(sortKeys(value));
}

function sortKeys(value: JsonValue | undefined): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  // UTF-16 order differs from byte order only above the basic plane, where none of our keys are.
  const sorted = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(sorted.map(([key, member]) => [key, sortKeys(member)]));
}
