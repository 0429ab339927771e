import { composefsKey, parseKernelArguments, splitKernelArgument } from '../boot/kernel-arguments.ts';
import type { DeploymentRecord } from '../storage/root-model.ts';
import type { SoftRebootFacts } from './soft-reboot-facts.ts';

/**
 * Whether userspace may be restarted into another deployment without the kernel: kernel and initrd are equal, so is the command
 * line but for the deployment it names, and with SELinux the policy, which stays loaded.
 */
export function isSoftRebootCapable(
  booted: DeploymentRecord,
  other: DeploymentRecord,
  facts: SoftRebootFacts,
): boolean {
  if (booted.id === other.id) return false;
  const bootDigest = booted.origin?.bootDigest;
  if (bootDigest === undefined || bootDigest !== other.origin?.bootDigest) return false;
  const current = commandLineOf(booted, facts);
  const next = commandLineOf(other, facts);
  if (current === undefined || next === undefined || current.length !== next.length) return false;
  const [currentArgs, nextArgs] = [current, next].map(argumentsButComposefs);
  if (!isSubset(currentArgs!, nextArgs!) || !isSubset(nextArgs!, currentArgs!)) return false;
  return !facts.isSelinuxEnabled || hasSamePolicy(booted, other, facts);
}

function hasSamePolicy(booted: DeploymentRecord, other: DeploymentRecord, { policies }: SoftRebootFacts): boolean {
  const policy = policies?.get(booted.id);
  return policy !== undefined && policy === policies?.get(other.id);
}

function commandLineOf(deployment: DeploymentRecord, facts: SoftRebootFacts): string | undefined {
  const target = deployment.entries[0]?.entry.target;
  return target?.kind === 'linux' ? (target.options ?? '') : facts.commandLines?.get(deployment.id);
}

function argumentsButComposefs(options: string): Set<string> {
  return new Set(parseKernelArguments(options).filter((arg) => splitKernelArgument(arg).key !== composefsKey));
}

function isSubset(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return [...a].every((arg) => b.has(arg));
}
