import { CodedError } from '@workbench/run';

/**
 * Kinds of failure as podman, its libraries and registries word them, and what to do. What is transient may be gone the next
 * time; what none of these fits is not tried again.
 */
const kinds: readonly { fits: RegExp; isTransient: boolean; hint: string }[] = [
  {
    fits: /unauthorized|authentication required|denied|invalid username\/password|\b40[13]\b/i,
    isTransient: false,
    hint: 'the registry wants credentials: put them into /etc/ostree/auth.json (podman login --authfile /etc/ostree/auth.json)',
  },
  {
    fits: /manifest unknown|not found|name unknown|no such image|does not exist|\b404\b/i,
    isTransient: false,
    hint: 'check the name and the tag of the image',
  },
  {
    fits: /x509|certificate|server gave HTTP response to HTTPS client/i,
    isTransient: false,
    hint: 'the registry is not trusted: add its certificate to /etc/containers/certs.d, or see containers-registries.conf(5)',
  },
  {
    fits: /no space left|disk quota/i,
    isTransient: false,
    hint: 'free room on the root file system; bootc internals composefs-gc --prune-repo removes what no deployment needs',
  },
  {
    fits: /source image rejected|signature|policy\.json/i,
    isTransient: false,
    hint: 'the policy of this machine refuses the image: containers-policy.json(5)',
  },
  {
    fits: /toomanyrequests|too many requests|\b429\b/i,
    isTransient: true,
    hint: 'the registry limits how much is pulled; wait, or use credentials',
  },
  {
    fits: /timeout|timed out|deadline exceeded|connection (reset|refused)|broken pipe|\bEOF\b|no route to host|network is unreachable|temporary failure|server misbehaving|no such host|\b50[0234]\b|stream error|use of closed network connection|closed connection/i,
    isTransient: true,
    hint: 'check the network and the registry, then run the command again',
  },
];

/** A pull that podman reports as failed. */
export function pullFailure(image: string, told: string): CodedError {
  const kind = kinds.find(({ fits }) => fits.test(told));
  return new CodedError('PULL_FAILED', `${image} could not be pulled: ${told.trim()}`, {
    hint: kind?.hint ?? 'podman said why',
  });
}

/** Codes of failures that are of the moment, whatever is said about them. */
const transientCodes: ReadonlySet<string> = new Set(['PULL_STALLED', 'PULL_CUT_OFF', 'PODMAN_SERVICE_DIED']);

/** Whether another attempt may succeed. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof CodedError)) return false;
  if (transientCodes.has(error.code)) return true;
  return error.code === 'PULL_FAILED' && kinds.find(({ fits }) => fits.test(error.message))?.isTransient === true;
}
