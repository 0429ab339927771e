import { stringify } from 'yaml';

/**
 * A document as YAML, its long values not folded. Callers import this file when it is asked for, since most calls ask for
 * JSON; they do not import the library itself that way, as a bundler gives a CommonJS module only a default export then.
 */
export function formatYaml(document: unknown): string {
  return stringify(document, { lineWidth: 0 });
}
