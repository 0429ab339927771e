import { callLibc, callLibcAsync } from './libc.ts';

// linux/fsverity.h: _IOW('f', 133, struct fsverity_enable_arg) and _IOWR('f', 134, struct fsverity_digest).
const enableRequest = 0x40806685;
const measureRequest = 0xc0046686;
const enableArgumentBytes = 128;
const digestHeaderBytes = 4;
const longestDigestBytes = 64;

/**
 * Makes the kernel seal an open file: it computes the Merkle tree with 4096-byte blocks and no salt, and the file can never
 * be written again. The descriptor must be read-only, and no other may be open for writing. The file is read in full, so the
 * call runs on a thread of the pool.
 *
 * @param hash 1 for SHA-256, 2 for SHA-512.
 * @throws a system error; `ENOTTY` or `EOPNOTSUPP` if the file system cannot, `EEXIST` if it is sealed already, `ETXTBSY` if it
 * is open for writing.
 */
export async function enableFileVerity(fd: number, hash: 1 | 2): Promise<void> {
  const argument = new Uint8Array(enableArgumentBytes);
  const view = new DataView(argument.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(4, hash, true);
  view.setUint32(8, 4096, true);
  const context = { syscall: 'ioctl FS_IOC_ENABLE_VERITY', path: `fd ${fd}` };
  await callLibcAsync('ioctlPointer', [fd, enableRequest, argument], context);
}

/**
 * The digest by which the kernel checks a sealed file, and its hash: 1 for SHA-256, 2 for SHA-512.
 *
 * @throws a system error; `ENODATA` if the file is not sealed, `ENOTTY` or `EOPNOTSUPP` if the file system cannot.
 */
export function measureFileVerity(fd: number): { hash: number; digest: Uint8Array } {
  const answer = new Uint8Array(digestHeaderBytes + longestDigestBytes);
  const view = new DataView(answer.buffer);
  view.setUint16(2, longestDigestBytes, true);
  callLibc('ioctlPointer', [fd, measureRequest, answer], {
    syscall: 'ioctl FS_IOC_MEASURE_VERITY',
    path: `fd ${fd}`,
  });
  const digestBytes = view.getUint16(2, true);
  return { hash: view.getUint16(0, true), digest: answer.slice(digestHeaderBytes, digestHeaderBytes + digestBytes) };
}
