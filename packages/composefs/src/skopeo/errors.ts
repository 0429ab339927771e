import { CodedError } from '@workbench/run';

const hints: readonly [problem: RegExp, hint: string][] = [
  [/unauthorized|authentication required|denied/i, 'log in with: podman login REGISTRY, or name a file of credentials'],
  [/manifest unknown|name unknown|not found/i, 'check the name and the tag of the image'],
  [
    /HTTP response to HTTPS client/i,
    'the registry has no TLS: allow that in containers-registries.conf(5), or ask for it',
  ],
  [/x509|certificate/i, 'trust its certificate as containers-certs.d(5) has it'],
  [
    /rejected by policy|Source image rejected|signature/i,
    'see containers-policy.json(5) for which images are accepted',
  ],
  [/no such file or directory/i, 'check the path'],
  [
    /connection re|no such host|timeout|unreachable|EOF/i,
    'check the network, then try again: what was complete is kept',
  ],
];

/** The error for an image that skopeo cannot read, in its own last words. */
export function sourceError(name: string, problem: string, cause?: unknown): CodedError {
  const line = problem.trim().split('\n').at(-1) ?? '';
  const hint = hints.find(([pattern]) => pattern.test(line))?.[1] ?? 'skopeo inspect IMAGE may tell more';
  return new CodedError('SOURCE_UNREADABLE', `${name}: ${line}`, { hint, cause });
}
