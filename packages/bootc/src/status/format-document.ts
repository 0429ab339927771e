import { canonicalJson } from '../deployment/canonical-json.ts';
import type { HostDocument } from './host-document.ts';
import { formatHumanReadable } from './human-readable.ts';

/** Formats of the status document. */
export const statusFormats = ['humanreadable', 'yaml', 'json'] as const;
export type StatusFormat = (typeof statusFormats)[number];

/** The document in a format; JSON is canonical and has no newline at its end. */
export async function formatDocument(
  document: HostDocument,
  options: { format: StatusFormat; isVerbose: boolean },
): Promise<string> {
  if (options.format === 'json') return canonicalJson(document);
  if (options.format === 'humanreadable') return formatHumanReadable(document, options);
  // Loaded here, since most calls ask for another format.
  const { formatYaml } = await import('../deployment/yaml-text.ts');
  return formatYaml(document);
}
