import {
  addKernelArguments,
  findComposefsArgument,
  type KernelArguments,
  parseKernelArguments,
  removeKernelArguments,
  setComposefsArgument,
  splitKernelArgument,
} from '../boot/kernel-arguments.ts';
import type { RootModel } from '../storage/root-model.ts';

/** The kernel arguments of the booted deployment. */
export interface BootedKernelArguments {
  /** Those it boots with, `composefs=` among them. */
  arguments: KernelArguments;
  /** Those of them that its image asked for. */
  imageArguments: KernelArguments;
  isMissingVerityAllowed: boolean;
}

/** Parameters that a boot loader adds by itself. */
const loaderKeys = ['BOOT_IMAGE', 'initrd'];

/**
 * The kernel arguments of the booted deployment: those of its boot entry, since the administrator may have changed them for the next
 * boot; without one, as with a unified kernel image, those the kernel was started with.
 *
 * @param commandLine the text of /proc/cmdline.
 */
export function bootedKernelArguments(
  model: RootModel,
  { commandLine, imageArguments }: { commandLine: string; imageArguments: KernelArguments },
): BootedKernelArguments {
  const target = model.entries.find((entry) => entry.set === 'active' && entry.deploymentId === model.host.deploymentId)
    ?.entry.target;
  const started = parseKernelArguments(commandLine).filter((arg) => !loaderKeys.includes(splitKernelArgument(arg).key));
  const args = target?.kind === 'linux' ? parseKernelArguments(target.options ?? '') : started;
  return {
    arguments: args,
    imageArguments,
    isMissingVerityAllowed: findComposefsArgument(args)?.isMissingVerityAllowed ?? model.host.isMissingVerityAllowed,
  };
}

/**
 * The kernel arguments of a new deployment: those of the booted one, but for the deployment they name, and for what its image asks
 * for and the booted one's does not, or the reverse. So what was chosen at installation, or by hand since, stays.
 */
export function carriedKernelArguments(
  booted: BootedKernelArguments,
  next: { deploymentId: string; imageArguments: KernelArguments },
): string[] {
  const { isMissingVerityAllowed } = booted;
  const composefs = { deploymentId: next.deploymentId, isMissingVerityAllowed };
  const dropped = removeKernelArguments(booted.imageArguments, next.imageArguments);
  const added = removeKernelArguments(next.imageArguments, booted.imageArguments);
  const kept = removeKernelArguments(setComposefsArgument(booted.arguments, composefs), dropped);
  return addKernelArguments(kept, added);
}
