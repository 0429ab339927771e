import { setTimeout as sleep } from 'node:timers/promises';
import { CodedError } from '@workbench/run';
import { isSystemError } from '../syscalls/libc.ts';
import { enableFileVerity, measureFileVerity } from '../syscalls/verity.ts';
import { digestBytes, type HashAlgorithm, kernelHashId } from './algorithm.ts';
import { computeFdVerity } from './digest.ts';

/** Whether the kernel must guard the content of objects, or only does so where the file system can. */
export type VerityPolicy = 'require' | 'if-supported';

/** What trying to seal a file led to. `busy`: somebody still has it open for writing. */
export type SealOutcome = 'sealed' | 'was-sealed' | 'unsupported' | 'busy';

const attempts = 3;
const pauseMs = 1;

/**
 * Enables fs-verity on a file that is open for reading only. A process that was just forked may hold a writable copy of the
 * descriptor for a moment, so being busy is believed after three attempts; the caller may then go on with a copy of the file.
 *
 * @throws a system error that is none of the outcomes.
 */
export async function sealFile(fd: number, algorithm: HashAlgorithm): Promise<SealOutcome> {
  for (let attempt = 1; ; attempt++) {
    try {
      await enableFileVerity(fd, kernelHashId[algorithm]);
      return 'sealed';
    } catch (error) {
      if (isSystemError(error, 'EEXIST')) return 'was-sealed';
      if (isSystemError(error, 'ENOTTY', 'EOPNOTSUPP')) return 'unsupported';
      if (!isSystemError(error, 'ETXTBSY')) throw error;
      if (attempt === attempts) return 'busy';
    }
    await sleep(pauseMs);
  }
}

/** What the kernel says of a file's seal. */
export type Measurement = { state: 'sealed'; digest: string } | { state: 'unsealed' | 'unsupported' };

/**
 * Asks the kernel for the fs-verity digest of an open file, in lower-case hex.
 *
 * @throws CodedError `VERITY_ALGORITHM` if the file is sealed with another algorithm; a system error.
 */
export function measureFile(fd: number, algorithm: HashAlgorithm): Measurement {
  try {
    const { hash, digest } = measureFileVerity(fd);
    if (hash !== kernelHashId[algorithm] || digest.length !== digestBytes[algorithm]) {
      throw new CodedError('VERITY_ALGORITHM', `a file is sealed with another fs-verity algorithm than ${algorithm}`, {
        hint: 'the repository mixes algorithms; check it, and import the images anew',
      });
    }
    return { state: 'sealed', digest: Buffer.from(digest).toString('hex') };
  } catch (error) {
    if (isSystemError(error, 'ENODATA')) return { state: 'unsealed' };
    if (isSystemError(error, 'ENOTTY', 'EOPNOTSUPP')) return { state: 'unsupported' };
    throw error;
  }
}

/**
 * Checks that an open file has the digest that it is known by. With `require` the kernel must guard it; with `if-supported` a
 * file without seal is read and hashed instead. A digest that differs is never accepted.
 *
 * @param name what to call the file in an error.
 * @throws CodedError `VERITY_MISMATCH`, `VERITY_MISSING`, `VERITY_ALGORITHM`; a system error.
 */
export function verifyFile(
  fd: number,
  expected: { digest: string; algorithm: HashAlgorithm; policy: VerityPolicy; name: string },
): void {
  const { digest, algorithm, policy, name } = expected;
  const measured = measureFile(fd, algorithm);
  if (measured.state !== 'sealed' && policy === 'require') {
    const problem = measured.state === 'unsealed' ? 'has no fs-verity' : 'is on a file system without fs-verity';
    throw new CodedError('VERITY_MISSING', `${name} ${problem}`, {
      hint: 'its content is not guarded, so it cannot be trusted; import the image anew on a file system with fs-verity',
    });
  }
  const actual = measured.state === 'sealed' ? measured.digest : computeFdVerity(fd, algorithm);
  if (actual === digest) return;
  throw new CodedError('VERITY_MISMATCH', `${name} has the digest ${actual}, not ${digest}`, {
    hint: 'the content was changed or is damaged; remove it and import the image anew',
  });
}
