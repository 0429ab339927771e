import { CodedError } from '@workbench/run';

/** The hash of a repository, and so of its fs-verity digests. */
export type HashAlgorithm = 'sha256' | 'sha512';

/** All algorithms, the shorter digest first. */
export const hashAlgorithms = ['sha256', 'sha512'] as const satisfies readonly HashAlgorithm[];

/** Length of a digest in bytes; in hex it is twice that. */
export const digestBytes: Readonly<Record<HashAlgorithm, number>> = { sha256: 32, sha512: 64 };

/** The kernel's numbers of the algorithms (linux/fsverity.h, FS_VERITY_HASH_ALG_*). */
export const kernelHashId: Readonly<Record<HashAlgorithm, 1 | 2>> = { sha256: 1, sha512: 2 };

/** Size of the blocks that are hashed. */
export const blockBytes = 4096;

/**
 * The name of an algorithm with its block size, `sha512-12` for 2^12 bytes, as kernel arguments have it; `meta.json` of a repository puts
 * `fsverity-` in front.
 */
export function formatAlgorithm(algorithm: HashAlgorithm): string {
  return `${algorithm}-12`;
}

/**
 * Understands `sha512-12` and `fsverity-sha512-12`.
 *
 * @throws CodedError `VERITY_ALGORITHM` for another hash or block size.
 */
export function parseAlgorithm(text: string): HashAlgorithm {
  const name = text.replace(/^fsverity-/, '');
  const algorithm = hashAlgorithms.find((known) => formatAlgorithm(known) === name);
  if (algorithm !== undefined) return algorithm;
  throw new CodedError('VERITY_ALGORITHM', `${JSON.stringify(text)} is no known fs-verity algorithm`, {
    hint: `known are ${hashAlgorithms.map((known) => `fsverity-${formatAlgorithm(known)}`).join(' and ')}`,
  });
}

/**
 * A digest in hex, in lower case.
 *
 * @throws CodedError `VERITY_DIGEST` if it has another length, or characters that are no hex digits.
 */
export function parseDigest(text: string, algorithm: HashAlgorithm): string {
  const length = digestBytes[algorithm] * 2;
  if (text.length === length && /^[0-9a-fA-F]*$/.test(text)) return text.toLowerCase();
  throw new CodedError('VERITY_DIGEST', `${JSON.stringify(text)} is no ${algorithm} digest`, {
    hint: `it has to be ${length} hex digits`,
  });
}
