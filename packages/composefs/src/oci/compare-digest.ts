import { CodedError } from '@workbench/run';

/** @throws CodedError `OCI_BLOB_MISMATCH` if content has another sha256 digest than it is known by. */
export function compareDigest(what: string, expected: string, actualHex: string): void {
  if (expected === `sha256:${actualHex}`) return;
  throw new CodedError('OCI_BLOB_MISMATCH', `${what} has the digest sha256:${actualHex}, not ${expected}`, {
    hint: 'the image is damaged; copy it anew',
  });
}
