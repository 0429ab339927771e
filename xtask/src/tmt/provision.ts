import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { quoteCommand } from '@workbench/run';
import { cellSlug } from '../matrix/cell.ts';
import { progress, step } from '../steps/step.ts';
import { GuestDeath } from '../vm/guest-death.ts';
import { launchMachine } from '../vm/machine.ts';
import { prepareRun } from './prepare-run.ts';
import type { RunOptions } from './run-options.ts';

/** One VM for manual use. */
export interface ProvisionOptions extends RunOptions {
  /** Default: a new name. */
  readonly name?: string | undefined;
}

/**
 * Makes one VM, waits until it answers over ssh, leaves it running, and prints how to reach and how to remove it.
 *
 * @returns the exit status: 0.
 * @throws LaunchError, GuestDeath: the VM is then left as it is, to be looked into.
 */
export async function provision(options: ProvisionOptions): Promise<number> {
  const print = options.print ?? ((text) => void process.stdout.write(`${text}\n`));
  const { world, folder, bcvk, support, accel, labels } = await prepareRun(options, 'tmt-provision');
  const name = options.name ?? `bootc-tmt-${folder.suffix}`;
  const logFolder = folder.planFolder(cellSlug(options.cell), name);
  mkdirSync(world.target, { recursive: true });
  try {
    await using machine = await step('install and start', () =>
      launchMachine({
        name,
        image: options.image,
        labels,
        bcvkOptions: options.bcvkOptions,
        bindStorage: true,
        snapshot: false,
        logFolder,
        bcvk: bcvk.withLog(join(logFolder, 'commands.log')),
        support,
        accel,
        timeouts: options.timeouts,
        clock: world.clock,
        keyFile: join(world.target, `${name}.ssh-key`),
        atEnd: 'keep',
        signal: options.signal,
        onLine: progress,
      }),
    );
    await step('boot', () => machine.waitForSsh(progress));
    print(`VM ${name} is up, logs: ${logFolder}`);
    print(`  ${quoteCommand(bcvk.command(['libvirt', 'ssh', name]))}`);
    print(`  ${machine.sshInstructions}`);
    print(`remove it: ${quoteCommand(bcvk.command(['libvirt', 'rm', '--stop', '--force', name]))}`);
    return 0;
  } catch (error) {
    if (error instanceof GuestDeath) for (const line of error.consoleTail) print(`  | ${line}`);
    throw error;
  } finally {
    folder.finish();
  }
}
