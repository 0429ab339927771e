import { randomUUID } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CodedError, run } from '@workbench/run';
import { scaleDeadline } from '../accel/accel.ts';
import { chooseAccel } from '../accel/probe.ts';
import { type BaseDisk, baseDiskFolder, findBaseDisk } from '../cache/base-disks.ts';
import type { Context } from '../cli/context.ts';
import { findKernel } from '../images/kernel.ts';
import { findContainerStorage, type ImageFacts, inspectImage, mountImage, unmountImage } from '../images/podman.ts';
import { lock } from '../lock/flock.ts';
import { checkInstallOptions, type InstallOptions } from '../to-disk/install-options.ts';
import { findVirtiofsd } from '../to-disk/virtiofsd.ts';
import { findOrInstallBaseDisk } from './base-disk.ts';
import { guestCredentials, storageMountPoint } from './credentials.ts';
import { getDomain, listDomains } from './domain-info.ts';
import { type DomainFirmware, domainXml, type SharedFolder } from './domain-xml.ts';
import { findFirmware } from './firmware.ts';
import { checkPortsFree, chooseSshPort, type PortMapping } from './ports.ts';
import { removeDomain } from './remove.ts';
import { checkLabels, checkVmName, generateVmName, type HostFolder, type LogFiles } from './run-options.ts';
import { enrolKeys } from './secure-boot.ts';
import { createSshKey } from './ssh-key.ts';
import { probeDomain, waitForSsh } from './ssh-wait.ts';
import { createVirsh, domainState, type Virsh } from './virsh.ts';
import {
  bindReadOnly,
  createVmFolder,
  removeVmFolder,
  sweepVmFolders,
  vmFiles,
  vmFolder,
  vmLockFile,
} from './vm-folder.ts';

/** From power-on to a login, under KVM. */
const sshDeadlineMs = 180_000;

/** Everything `libvirt run` was asked for. */
export interface RunVmRequest {
  image: string;
  name: string | undefined;
  replace: boolean;
  connect: string | undefined;
  install: InstallOptions;
  storagePath: string | undefined;
  virtiofsd: string | undefined;
  memoryMiB: number;
  cpus: number;
  diskBytes: number;
  ports: readonly PortMapping[];
  volumes: readonly HostFolder[];
  binds: readonly HostFolder[];
  readOnlyBinds: readonly HostFolder[];
  bindStorage: boolean;
  firmware: 'uefi-secure' | 'uefi-insecure' | 'bios';
  secureBootKeys: string | undefined;
  hasTpm: boolean;
  firmwareLog: boolean;
  graphicalConsole: boolean;
  labels: readonly string[];
  transient: boolean;
  logs: LogFiles;
  instanceType: string | undefined;
  waitForSsh: boolean;
}

/**
 * Makes a VM of an image and starts it. If this throws, nothing of the VM is left but its logs; the base disk stays, it
 * is good for the next one.
 *
 * @returns the VM's name
 */
export async function runVm(request: RunVmRequest, context: Context): Promise<string> {
  checkLabels(request.labels);
  checkInstallOptions(request.install);
  if (request.secureBootKeys !== undefined && request.firmware !== 'uefi-secure') {
    throw new CodedError('BAD_OPTIONS', `--secure-boot-keys is for --firmware=uefi-secure, not ${request.firmware}`, {
      hint: 'leave out one of the two',
      exitCode: 2,
    });
  }
  if (request.hasTpm) requireSwtpm(context.env);
  const virsh = createVirsh(request.connect);
  const existing = new Set((await virsh(['list', '--all', '--name'], 'list the domains')).stdout.split(/\s+/));
  const image = await inspectImage(request.image);
  const name = request.name ?? generateVmName(image.reference, existing);
  checkVmName(name);
  using _held = await lock(vmLockFile(context.folders.runtime, name), {
    holder: `making VM ${name}`,
    signal: context.signal,
    onWait: (holder) => context.phases.note(`Waiting for process ${holder}`),
  });
  await makeRoomForName(name, request.replace, virsh, context);
  await sweepVmFolders({
    stateFolder: context.folders.state,
    runtimeFolder: context.folders.runtime,
    connect: request.connect ?? null,
    domains: existing,
  });
  await checkPortsFree(request.ports);
  for (const file of Object.values(request.logs)) if (file !== undefined) prepareLogFile(file);

  const baseDisk = await findOrInstallBaseDisk(
    { ...request, image, options: request.install, firmware: request.firmware === 'bios' ? 'bios' : 'uefi' },
    context,
  );
  const folder = vmFolder(context.folders.state, name);
  try {
    await startVm(name, { request, image, baseDisk, folder, virsh, context });
  } catch (error) {
    await removeDomain(virsh, name, folder).catch(() => undefined);
    throw error;
  }
  if (request.waitForSsh) await waitForVm(name, virsh, context);
  return name;
}

/** Waits until root can log in to a running VM, showing why not yet. */
export async function waitForVm(name: string, virsh: Virsh, context: Context): Promise<void> {
  await context.phases.run('wait-ssh', `Wait for ssh of ${name}`, async (phase) => {
    const domain = await getDomain(virsh, name);
    const accel = domain.metadata.get('accel') === 'kvm' ? 'kvm' : 'tcg';
    await waitForSsh(name, probeDomain(virsh, domain), {
      deadlineMs: scaleDeadline(sshDeadlineMs, accel),
      onTry: (why, elapsedMs) => phase.update(`${why}, ${Math.round(elapsedMs / 1000)} s`),
      signal: context.signal,
    });
  });
}

interface VmParts {
  request: RunVmRequest;
  image: ImageFacts;
  baseDisk: BaseDisk;
  folder: string;
  virsh: Virsh;
  context: Context;
}

async function startVm(name: string, parts: VmParts): Promise<void> {
  const { request, image, baseDisk, folder, virsh, context } = parts;
  await context.phases.run('start', `Start VM ${name}`, async (phase) => {
    await removeVmFolder(folder);
    const files = vmFiles(folder);
    const shares = await planShares(request, files.shares);
    const record = {
      connect: request.connect ?? null,
      baseDiskKey: baseDisk.key,
      readOnlyBinds: shares.readOnlyBinds,
    };
    createVmFolder(folder, record);
    // From here on the record protects the base disk from pruning; it must still be there.
    if (findBaseDisk(baseDiskFolder(context.folders.cache), baseDisk.key) === undefined) {
      throw new CodedError('BASE_DISK_GONE', `base disk ${baseDisk.key} was removed a moment ago`, {
        hint: 'run it again, and raise BCVK_CACHE_BUDGET',
      });
    }
    await bindReadOnly({ schema: 1, ...record });
    await run(
      [
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        '-F',
        'qcow2',
        '-b',
        baseDisk.file,
        files.disk,
        String(request.diskBytes),
      ],
      { step: "make the VM's disk" },
    );
    const firmware = await makeFirmware(request, files.firmwareVariables, context);
    const accel = await acceleration(image, baseDisk, context);
    phase.fact('accel', accel);
    const key = await createSshKey(name);

    // No other VM may choose a port until QEMU listens on this one's.
    using _held = await lock(join('/run/lock', 'bcvk-ports.lock'), {
      holder: `starting VM ${name}`,
      signal: context.signal,
    });
    const taken = (await listDomains(virsh)).map(({ info }) => info.ssh_port).filter((port) => port !== null);
    const sshPort = await chooseSshPort(new Set([...taken, ...request.ports.map(({ hostPort }) => hostPort)]));
    const xml = domainXml({
      name,
      uuid: randomUUID(),
      accel,
      memoryMiB: request.memoryMiB,
      cpus: request.cpus,
      firmware,
      diskFile: files.disk,
      shares: shares.folders,
      virtiofsd: shares.folders.length === 0 ? undefined : findVirtiofsd(request.virtiofsd, context.env),
      hasTpm: request.hasTpm,
      serialLog: request.logs.platformConsole,
      virtioLog: request.logs.console,
      journalFile: request.logs.journal,
      initrdJournalFile: request.logs.initrdJournal,
      graphicalConsole: request.graphicalConsole,
      firmwareLog: request.firmwareLog,
      metadata: vmMetadata(request, image, { accel, sshPort, privateKey: key.privateKey, baseDiskKey: baseDisk.key }),
      credentials: guestCredentials({
        sshPublicKey: key.publicKey,
        mounts: shares.mounts,
        hasHostStorage: request.bindStorage,
        streamsJournal: request.logs.journal !== undefined,
      }),
      sshPort,
      ports: request.ports,
    });
    writeFileSync(files.domain, xml, { mode: 0o600 });
    if (request.transient) {
      await virsh(['create', files.domain], `create the transient VM ${name}`);
    } else {
      await virsh(['define', files.domain], `define the VM ${name}`);
      await virsh(['start', name], `start the VM ${name}`);
    }
  });
}

/** Metadata of a domain, with real bcvk's names where it has them. */
function vmMetadata(
  request: RunVmRequest,
  image: ImageFacts,
  facts: { accel: string; sshPort: number; privateKey: string; baseDiskKey: string },
): Record<string, string> {
  return {
    'source-image': image.reference,
    'image-digest': image.digest,
    created: new Date().toISOString(),
    'memory-mb': String(request.memoryMiB),
    vcpus: String(request.cpus),
    'disk-size-bytes': String(request.diskBytes),
    filesystem: request.install.filesystem ?? 'default',
    network: 'user',
    ...(request.instanceType === undefined ? {} : { 'instance-type': request.instanceType }),
    ...(request.labels.length === 0 ? {} : { label: request.labels.join(',') }),
    ...(request.bindStorage ? { 'bind-storage-ro': 'true' } : {}),
    'ssh-generated': 'true',
    'ssh-private-key-base64': Buffer.from(facts.privateKey).toString('base64'),
    'ssh-port': String(facts.sshPort),
    accel: facts.accel,
    'base-disk': facts.baseDiskKey,
  };
}

/** Shares of a VM: as they are, or for read-only ones a read-only bind mount of them, which holds against any guest. */
async function planShares(request: RunVmRequest, sharesFolder: string) {
  const storage = request.bindStorage
    ? [{ host: request.storagePath ?? (await findContainerStorage()), guest: storageMountPoint, tag: 'hoststorage' }]
    : [];
  const readOnly = [
    ...request.readOnlyBinds.map((bind, index) => ({ ...bind, tag: `bcvk-bind-ro-${index}` })),
    ...storage,
  ];
  const writable = request.binds.map((bind, index) => ({ ...bind, tag: `bcvk-bind-${index}` }));
  const readOnlyBinds = readOnly.map(({ host, tag }) => ({ from: host, to: join(sharesFolder, tag) }));
  const folders: SharedFolder[] = [
    ...request.volumes.map(({ host, guest }) => ({ folder: host, tag: guest })),
    ...writable.map(({ host, tag }) => ({ folder: host, tag })),
    ...readOnly.map(({ tag }) => ({ folder: join(sharesFolder, tag), tag })),
  ];
  const mounts = [
    ...writable.map(({ guest, tag }) => ({ tag, guestPath: guest, readOnly: false })),
    ...readOnly.map(({ guest, tag }) => ({ tag, guestPath: guest, readOnly: true })),
  ];
  return { folders, mounts, readOnlyBinds };
}

async function makeFirmware(request: RunVmRequest, varsFile: string, context: Context): Promise<DomainFirmware> {
  if (request.firmware === 'bios') return { kind: 'bios' };
  const secure = request.firmware === 'uefi-secure';
  const keys = request.secureBootKeys;
  const files = findFirmware(!secure ? 'insecure' : keys === undefined ? 'secure-enrolled' : 'secure');
  if (keys === undefined) copyFileSync(files.varsTemplate, varsFile);
  else await enrolKeys(keys, { template: files.varsTemplate, output: varsFile }, context.env);
  return { kind: 'uefi', secure, ...files, varsFile };
}

/** The acceleration: known from the base disk's kernel, else the image is mounted to try its kernel. */
async function acceleration(image: ImageFacts, baseDisk: BaseDisk, context: Context) {
  const common = {
    cacheFolder: context.folders.cache,
    override: context.env.BCVK_ACCEL,
    kernelSha256: baseDisk.record.kernelSha256,
    logFile: join(context.folders.cache, 'logs', 'accel-probe.log'),
  };
  try {
    return (await chooseAccel(common)).accel;
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'ACCEL_UNKNOWN') throw error;
  }
  const root = await mountImage(image.id);
  try {
    return (await chooseAccel({ ...common, kernelFile: findKernel(root, image.reference).kernelFile })).accel;
  } finally {
    await unmountImage(image.id);
  }
}

async function makeRoomForName(name: string, replace: boolean, virsh: Virsh, context: Context): Promise<void> {
  if ((await domainState(virsh, name)) === undefined) return;
  if (!replace) {
    throw new CodedError('VM_EXISTS', `VM '${name}' already exists`, { hint: 'use --replace to replace it' });
  }
  context.phases.note(`Replacing VM ${name}`);
  await getDomain(virsh, name);
  await removeDomain(virsh, name, vmFolder(context.folders.state, name));
}

function prepareLogFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, '', { flag: 'a' });
}

function requireSwtpm(env: NodeJS.ProcessEnv): void {
  const folders = (env.PATH ?? '').split(':');
  const missing = ['swtpm', 'swtpm_setup'].filter((name) => !folders.some((folder) => existsSync(join(folder, name))));
  if (missing.length === 0) return;
  throw new CodedError('SWTPM_NOT_FOUND', `a TPM needs ${missing.join(' and ')}`, {
    hint: 'install the packages swtpm and swtpm-tools, or add --disable-tpm',
  });
}
