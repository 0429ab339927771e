import type { Argv } from 'yargs';
import { removeDomain } from '../libvirt/remove.ts';
import { runVm, waitForVm } from '../libvirt/run-vm.ts';
import { sshToVm } from '../libvirt/ssh.ts';
import { createVirsh } from '../libvirt/virsh.ts';
import { vmFolder } from '../libvirt/vm-folder.ts';
import { type Choose, defaultSession } from './libvirt-commands.ts';
import { libvirtRunOptionTable, readLibvirtRun } from './libvirt-run-options.ts';
import { connectOption } from './shared-options.ts';
import type { Parsed } from './strict-yargs.ts';

const {
  replace: _replace,
  detach: _detach,
  ssh: _ssh,
  'ssh-wait': _wait,
  transient: _transient,
  ...options
} = libvirtRunOptionTable;

/**
 * Adds `ephemeral run-ssh`: a VM for one command or shell, gone when that ends. Real bcvk boots the file system of the image
 * itself; here the image is installed like any other, onto a base disk that the next call finds again, and it takes the
 * options of `libvirt run`.
 */
export function addEphemeralCommands(yargs: Argv, choose: Choose, env: NodeJS.ProcessEnv): Argv {
  return yargs
    .command(
      'run-ssh <image> [command...]',
      'Run a command, or a login shell, in a new VM, and remove the VM',
      (verb) =>
        verb
          .positional('image', { type: 'string', describe: 'Image to install and boot' })
          .options({ ...connectOption, ...options })
          .alias('cpus', 'vcpus'),
      (parsed: Parsed) => {
        const { request } = readLibvirtRun(parsed, env);
        const command = [...wordsOf(parsed.command), ...wordsOf(parsed['--'])];
        choose(async (context) => {
          const name = await runVm({ ...request, waitForSsh: false }, context);
          const virsh = createVirsh(request.connect);
          try {
            await waitForVm(name, virsh, context);
            return await sshToVm(name, { ...defaultSession, connect: request.connect, command }, context);
          } finally {
            await removeDomain(virsh, name, vmFolder(context.folders.state, name));
            context.phases.note(`VM ${name} was removed`);
          }
        });
      },
    )
    .demandCommand(1, 'a command is needed after ephemeral');
}

function wordsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
