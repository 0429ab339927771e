import { join } from 'node:path';
import { CodedError } from '@workbench/run';
import type { OriginReference } from '../deployment/image-reference.ts';
import { readOptionalText } from '../storage/optional-file.ts';

/** Transports that are read without skopeo, which is what applies the policy. */
const unverifiedTransports = ['oci', 'containers-storage'];

/**
 * Makes sure that the signature of an image is going to be verified, if that was demanded of it: that it comes by way of skopeo, and that
 * the policy of the system (containers-policy.json(5)) does not accept anything by default.
 *
 * @throws CodedError `SIGNATURE_UNVERIFIABLE`, `SIGNATURE_POLICY_OPEN`.
 */
export async function assertSignatureIsVerified(root: string, reference: OriginReference): Promise<void> {
  if (reference.signature !== 'containerPolicy') return;
  if (unverifiedTransports.includes(reference.transport)) {
    throw new CodedError(
      'SIGNATURE_UNVERIFIABLE',
      `the signature of ${reference.image} cannot be verified: ${reference.transport} holds none`,
      { hint: 'take the image from a registry, or leave out --enforce-container-sigpolicy' },
    );
  }
  const path = join(root, 'etc/containers/policy.json');
  const text = await readOptionalText(path);
  if (text !== undefined && !acceptsAnything(text)) return;
  const why = text === undefined ? 'there is no such file' : 'its default is insecureAcceptAnything';
  throw new CodedError(
    'SIGNATURE_POLICY_OPEN',
    `signatures would not be verified by /etc/containers/policy.json: ${why}`,
    {
      hint: 'see containers-policy.json(5): let default be reject, and name the keys of registries you trust',
    },
  );
}

// What is no JSON is refused by skopeo, with a better message.
function acceptsAnything(text: string): boolean {
  try {
    const policy = JSON.parse(text) as { default?: { type?: string }[] };
    return policy.default?.some(({ type }) => type === 'insecureAcceptAnything') === true;
  } catch {
    return false;
  }
}
