import { CodedError } from '@workbench/run';
import { z } from 'zod';
import { formatAlgorithm, type HashAlgorithm, parseAlgorithm } from '../fsverity/algorithm.ts';

/** Version of the layout of an EROFS image; see the table at the writer. */
export type ErofsFormat = 0 | 1 | 2;

/** The formats that every image is made in: the one it is known by, and more beside it. */
export interface ErofsFormats {
  default: ErofsFormat;
  extra: ErofsFormat[];
}

/** What `meta.json` says of a repository. */
export interface RepositoryMetadata {
  algorithm: HashAlgorithm;
  erofsFormats: ErofsFormats;
  /** Features of a later version that only a reader may ignore. */
  unknownReadOnlyFeatures: string[];
}

export const metadataFile = 'meta.json';
const knownVersion = 1;
const formatOneFeature = 'v1_erofs';

const formatSchema = z.literal([0, 1, 2]);
const fileSchema = z.object({
  version: z.number().int(),
  algorithm: z.string(),
  features: z
    .object({
      compatible: z.array(z.string()).default([]),
      'read-only-compatible': z.array(z.string()).default([]),
      incompatible: z.array(z.string()).default([]),
    })
    .optional(),
  erofs_formats: z.object({ default: formatSchema, extra: z.array(formatSchema).default([]) }).optional(),
});

/** The text of `meta.json` as composefs-rs 0.9 writes it, to the byte. */
export function formatMetadata(algorithm: HashAlgorithm, formats: ErofsFormats): string {
  const extra = [...new Set(formats.extra)].filter((format) => format !== formats.default).sort();
  const content = {
    version: knownVersion,
    algorithm: `fsverity-${formatAlgorithm(algorithm)}`,
    features: {
      compatible: [],
      'read-only-compatible': formats.default === 1 ? [formatOneFeature] : [],
      incompatible: [],
    },
    erofs_formats: { default: formats.default, ...(extra.length > 0 ? { extra } : {}) },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

/**
 * Reads the text of `meta.json`.
 *
 * @throws CodedError `REPOSITORY_METADATA` if it is none; `REPOSITORY_TOO_NEW` if it was made by a later version that
 * says so.
 */
export function parseMetadata(text: string): RepositoryMetadata {
  const file = parseFile(text);
  const tooNew = (what: string) =>
    new CodedError('REPOSITORY_TOO_NEW', `the repository ${what}`, { hint: 'use a later version of this program' });
  if (file.version > knownVersion) throw tooNew(`has version ${file.version}, known is ${knownVersion}`);
  const incompatible = file.features?.incompatible ?? [];
  if (incompatible.length > 0) throw tooNew(`needs the unknown features ${incompatible.join(', ')}`);
  const readOnly = file.features?.['read-only-compatible'] ?? [];
  const stated = file.erofs_formats;
  // Releases before the flag wrote a bare default of 2 whatever they meant.
  const isStated = stated !== undefined && !(stated.default === 2 && stated.extra.length === 0);
  const implied: ErofsFormats = { default: readOnly.includes(formatOneFeature) ? 1 : 2, extra: [] };
  return {
    algorithm: parseAlgorithm(file.algorithm),
    erofsFormats: isStated ? stated : implied,
    unknownReadOnlyFeatures: readOnly.filter((feature) => feature !== formatOneFeature),
  };
}

function parseFile(text: string): z.infer<typeof fileSchema> {
  const invalid = (problem: string, cause: unknown) =>
    new CodedError('REPOSITORY_METADATA', `${metadataFile} of the repository is damaged: ${problem}`, {
      hint: 'restore the file; the objects themselves are not affected',
      cause,
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw invalid('it is no JSON', error);
  }
  const parsed = fileSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalid(z.prettifyError(parsed.error).replaceAll('\n', ' '), parsed.error);
}
