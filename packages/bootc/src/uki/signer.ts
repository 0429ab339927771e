import { X509Certificate } from 'node:crypto';
import type { ByteWindow } from './byte-window.ts';
import type { PeImage } from './pe-image.ts';

/** Who signed an EFI program, as its first signature says; whether the signature is good is for the firmware to tell. */
export interface Signer {
  /** Subject of the certificate, its parts joined with commas: `CN=vendor db`. */
  subject: string;
  /** SHA-256 of the certificate, lower-case hex. */
  fingerprint: string;
}

const pkcsSignedData = 2;
const entryHeaderBytes = 8;
const tags = { sequence: 0x30, contextZero: 0xa0 };

/**
 * The signer of an EFI program, from the certificate in its first PKCS#7 signature (Microsoft "PE Format", attribute
 * certificate table; RFC 2315, 9.1). Undefined when it is not signed or the signature brings no certificate.
 */
export function readSigner(file: ByteWindow, pe: PeImage): Signer | undefined {
  const { certificates } = pe;
  if (certificates === undefined || certificates.sizeBytes < entryHeaderBytes) return undefined;
  const table = file.read(certificates.offset, certificates.sizeBytes);
  if (table.readUInt16LE(6) !== pkcsSignedData) return undefined;
  const der = firstCertificate(table.subarray(entryHeaderBytes, table.readUInt32LE(0)));
  if (der === undefined) return undefined;
  try {
    const certificate = new X509Certificate(der);
    return {
      subject: certificate.subject.trim().split('\n').join(', '),
      fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    };
  } catch {
    return undefined;
  }
}

// ContentInfo { contentType, [0] { SignedData { version, digests, content, [0] certificates, … } } }
function firstCertificate(signature: Buffer): Buffer | undefined {
  const contentInfo = childrenOf(signature)[0];
  const explicit = contentInfo === undefined ? undefined : childrenOf(contentInfo.content)[1];
  const signedData = explicit === undefined ? undefined : childrenOf(explicit.content)[0];
  if (signedData?.tag !== tags.sequence) return undefined;
  const set = childrenOf(signedData.content).find(({ tag }) => tag === tags.contextZero);
  return set === undefined ? undefined : childrenOf(set.content)[0]?.whole;
}

interface DerValue {
  tag: number;
  content: Buffer;
  whole: Buffer;
}

// The values that follow each other in a DER encoding (X.690); none after one that is malformed.
function childrenOf(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const first = bytes[at + 1]!;
    const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
    if (lengthBytes > 4 || at + 2 + lengthBytes > bytes.length) break;
    const start = at + 2 + lengthBytes;
    const length = lengthBytes === 0 ? first & 0x7f : bytes.readUIntBE(at + 2, lengthBytes);
    if (start + length > bytes.length) break;
    const whole = bytes.subarray(at, start + length);
    values.push({ tag: bytes[at]!, content: bytes.subarray(start, start + length), whole });
    at = start + length;
  }
  return values;
}
