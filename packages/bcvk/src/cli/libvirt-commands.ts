import { stringify } from 'yaml';
import type { Argv } from 'yargs';
import { accelOfHost } from '../accel/probe.ts';
import type { Context } from '../context/context.ts';
import { type DomainInfo, getDomain, listDomains } from '../libvirt/domain-info.ts';
import { startVm, stopVm } from '../libvirt/power.ts';
import { removeAllVms, removeVm } from '../libvirt/remove.ts';
import { runVm, waitForVm } from '../libvirt/run-vm.ts';
import { sshToVm } from '../libvirt/ssh.ts';
import { readStatus } from '../libvirt/status.ts';
import { takeSnapshot } from '../libvirt/take-snapshot.ts';
import { createVirsh } from '../libvirt/virsh.ts';
import { accelOptions } from '../libvirt/vm-acceleration.ts';
import { addBaseDiskCommands } from './cache-commands.ts';
import { libvirtRunOptionTable, readLibvirtRun } from './libvirt-run-options.ts';
import { connectOption } from './shared-options.ts';
import { flagOf, listOf, numberOf, type Parsed, stringOf, usageError } from './strict-yargs.ts';
import { renderTable } from './table.ts';

/** Takes a command that was chosen: it is run after parsing, and gives the exit code. */
export type Choose = (work: (context: Context) => Promise<number | undefined>) => void;

const json = (value: unknown) => JSON.stringify(value, undefined, 2);
const text = (describe: string, more = {}) => ({ type: 'string', requiresArg: true, describe, ...more }) as const;
const flag = (describe: string, more = {}) => ({ type: 'boolean', describe, ...more }) as const;
const format = (values: readonly string[], fallback: string) =>
  text('Output format', { choices: values, default: fallback });

/** Adds the verbs below `libvirt`. */
export function addLibvirtCommands(yargs: Argv, choose: Choose, env: NodeJS.ProcessEnv): Argv {
  return yargs
    .options(connectOption)
    .command(
      'run <image>',
      'Run a bootable container as a VM',
      (verb) =>
        verb
          .positional('image', { type: 'string', describe: 'Image to install and boot' })
          .options(libvirtRunOptionTable),
      (parsed) => {
        const { request, login } = readLibvirtRun(parsed, env);
        choose(async (context) => {
          const name = await runVm(request, context);
          context.phases.note(`VM ${name} is running. Log in: bcvk libvirt ssh ${name}`);
          return login ? sshToVm(name, { ...defaultSession, connect: request.connect }, context) : undefined;
        });
      },
    )
    .command(
      'ssh <name> [command...]',
      'Run a command in a VM, or a login shell',
      (verb) =>
        verb.options({
          user: text('User', { default: 'root' }),
          'strict-host-keys': flag('Check the host key'),
          timeout: text('Connection timeout in seconds', { default: '5' }),
          'log-level': text("ssh's log level", { default: 'ERROR' }),
          'extra-options': text('A further ssh option, KEY=VALUE (may be repeated)', { array: true }),
        }),
      (parsed: Parsed) => {
        const session = {
          connect: stringOf(parsed, 'connect'),
          user: stringOf(parsed, 'user')!,
          command: [...wordsOf(parsed.command), ...wordsOf(parsed['--'])],
          strictHostKeys: flagOf(parsed, 'strict-host-keys'),
          connectTimeoutSeconds: numberOf(parsed, 'timeout')!,
          logLevel: stringOf(parsed, 'log-level')!,
          extraOptions: listOf(parsed, 'extra-options'),
        };
        choose((context) => sshToVm(String(parsed.name), session, context));
      },
    )
    .command(
      'list [name]',
      'List VMs',
      (verb) =>
        verb.options({
          format: format(['table', 'json', 'yaml', 'xml'], 'table'),
          all: flag('Stopped ones too', { alias: 'a' }),
          label: text('Only those with this label'),
        }),
      (parsed: Parsed) => choose((context) => listVms(parsed, context)),
    )
    .command(
      'inspect <name>',
      'Show all about one VM',
      (verb) => verb.option('format', format(['table', 'json', 'yaml', 'xml'], 'yaml')),
      (parsed: Parsed) => choose((context) => inspectVm(parsed, context)),
    )
    .command(
      'start <name>',
      'Start a stopped VM',
      (verb) => verb.option('ssh', flag('Log in when it is up')),
      (parsed: Parsed) => {
        const [name, connect, login] = [String(parsed.name), stringOf(parsed, 'connect'), flagOf(parsed, 'ssh')];
        choose(async (context) => {
          await startVm(name, connect, context);
          if (!login) return undefined;
          await waitForVm(name, createVirsh(connect), context);
          return sshToVm(name, { ...defaultSession, connect }, context);
        });
      },
    )
    .command(
      'stop <name>',
      'Stop a running VM',
      (verb) =>
        verb.options({
          force: flag('Cut its power', { alias: 'f' }),
          timeout: text('Seconds to wait for an orderly shutdown', { default: '60' }),
        }),
      (parsed: Parsed) => {
        const options = {
          connect: stringOf(parsed, 'connect'),
          force: flagOf(parsed, 'force'),
          timeoutSeconds: numberOf(parsed, 'timeout')!,
        };
        choose((context) => stopVm(String(parsed.name), options, context).then(() => undefined));
      },
    )
    .command(
      'take-snapshot <name>',
      'Keep the state of a VM that was started with --snapshot for equal VMs; it goes on',
      (verb) => verb,
      (parsed: Parsed) => {
        const connect = stringOf(parsed, 'connect');
        choose((context) => takeSnapshot(String(parsed.name), connect, context).then(() => undefined));
      },
    )
    .command(
      'rm <name>',
      'Remove a VM and its disk',
      (verb) => verb.options(removeOptionTable),
      (parsed: Parsed) =>
        choose((context) => removeVm(String(parsed.name), readRemove(parsed), context).then(() => undefined)),
    )
    .command(
      'rm-all',
      'Remove all VMs, or those with a label',
      (verb) => verb.options({ ...removeOptionTable, label: text('Only those with this label') }),
      (parsed: Parsed) => {
        const options = { ...readRemove(parsed), label: stringOf(parsed, 'label') };
        choose((context) => removeAllVms(options, context).then(() => undefined));
      },
    )
    .command(
      'status',
      'What libvirt here can do',
      (verb) => verb.option('format', format(['yaml', 'json'], 'yaml')),
      (parsed: Parsed) =>
        choose(async (context) => {
          const virsh = createVirsh(stringOf(parsed, 'connect'));
          const status = await readStatus(virsh, await accelOfHost(accelOptions(context)));
          context.print(parsed.format === 'json' ? json(status) : stringify(status).trimEnd());
          return undefined;
        }),
    )
    .command('base-disks', 'Base disks that VM disks are overlays of', (verb) => addBaseDiskCommands(verb, choose))
    .demandCommand(1, 'a command is needed after libvirt');
}

/** A session as root, without a command. */
export const defaultSession = {
  user: 'root',
  command: [] as readonly string[],
  strictHostKeys: false,
  connectTimeoutSeconds: 30,
  logLevel: 'ERROR',
  extraOptions: [],
};

const removeOptionTable = {
  force: flag('Do it (also stops a running VM for `rm`)', { alias: 'f' }),
  stop: flag('Stop what is running'),
};

function readRemove(parsed: Parsed) {
  return { connect: stringOf(parsed, 'connect'), force: flagOf(parsed, 'force'), stop: flagOf(parsed, 'stop') };
}

async function listVms(parsed: Parsed, context: Context): Promise<undefined> {
  const virsh = createVirsh(stringOf(parsed, 'connect'));
  const name = stringOf(parsed, 'name');
  const label = stringOf(parsed, 'label');
  const asked = name === undefined ? await listDomains(virsh) : [await getDomain(virsh, name)];
  const shown = asked
    .map(({ info }) => info)
    .filter(({ state }) => name !== undefined || flagOf(parsed, 'all') || state === 'running')
    .filter(({ labels }) => label === undefined || labels.includes(label));
  if (parsed.format === 'json') {
    context.print(json(name === undefined ? shown : (shown[0] ?? [])));
  } else if (parsed.format === 'table') {
    const heads = ['NAME', 'IMAGE', 'STATUS', 'MEMORY', 'SSH'];
    context.print(shown.length === 0 ? 'No VMs found (stopped ones: --all)' : renderTable(heads, shown.map(tableRow)));
  } else {
    throw usageError(`${String(parsed.format)} is not a format of list: use table or json`);
  }
  return undefined;
}

function tableRow(info: DomainInfo): string[] {
  const memory = info.memory_mb === null ? 'unknown' : `${info.memory_mb}MB`;
  return [info.name, info.image ?? '-', info.state, memory, info.ssh_port === null ? '-' : `:${info.ssh_port}`];
}

async function inspectVm(parsed: Parsed, context: Context): Promise<undefined> {
  const virsh = createVirsh(stringOf(parsed, 'connect'));
  const name = String(parsed.name);
  const { info } = await getDomain(virsh, name);
  switch (parsed.format) {
    case 'json':
      context.print(json(info));
      break;
    case 'yaml': {
      const { ssh_private_key: _secret, ...shown } = info;
      context.print(stringify(shown).trimEnd());
      break;
    }
    case 'xml':
      context.print((await virsh(['dumpxml', '--domain', name], `read the domain ${name}`)).stdout.trimEnd());
      break;
    default:
      throw usageError('table is not a format of inspect: use yaml, json or xml');
  }
  return undefined;
}

function wordsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}
