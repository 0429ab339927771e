import { composefsKey, parseKernelArguments, splitKernelArgument } from '../boot/kernel-arguments.ts';
import type { DeploymentRecord } from '../storage/root-model.ts';

/**
 * Whether userspace may be restarted into another deployment without the kernel: kernel and initrd are equal, and so is
 * the command line but for the deployment it names.
 *
 * With SELinux the policies would have to be equal too, which is not compared yet; so then the answer is no.
 */
export function isSoftRebootCapable(
  booted: DeploymentRecord,
  other: DeploymentRecord,
  system: { isSelinuxEnabled: boolean },
): boolean {
  if (booted.id === other.id || system.isSelinuxEnabled) return false;
  const bootDigest = booted.origin?.bootDigest;
  if (bootDigest === undefined || bootDigest !== other.origin?.bootDigest) return false;
  const current = optionsOf(booted);
  const next = optionsOf(other);
  if (current === undefined || next === undefined || current.length !== next.length) return false;
  const [currentArgs, nextArgs] = [current, next].map(argumentsButComposefs);
  return isSubset(currentArgs!, nextArgs!) && isSubset(nextArgs!, currentArgs!);
}

function optionsOf(deployment: DeploymentRecord): string | undefined {
  const target = deployment.entries[0]?.entry.target;
  return target?.kind === 'linux' ? (target.options ?? '') : undefined;
}

function argumentsButComposefs(options: string): Set<string> {
  return new Set(parseKernelArguments(options).filter((arg) => splitKernelArgument(arg).key !== composefsKey));
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].every((arg) => b.has(arg));
}
