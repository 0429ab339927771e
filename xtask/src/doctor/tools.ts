import { CommandError, run } from '@workbench/run';
import semver from 'semver';
import type { Distribution } from './distribution.ts';
import { installCommand } from './distribution.ts';
import type { Finding } from './finding.ts';

/** A program that the harness calls. */
export interface Tool {
  readonly id: string;
  /** Prints the version. */
  readonly argv: readonly [string, ...string[]];
  /** The least version that works; undefined where any does. */
  readonly atLeast?: string;
  readonly neededFor: string;
  /** Without it only a part of the work is impossible, which `neededFor` names. */
  readonly optional?: boolean;
  /** Package names by package manager, or another way to get it. */
  readonly packages?: { readonly apt: string; readonly dnf: string };
  readonly otherwise?: string;
}

const qemu = { apt: 'qemu-system-x86', dnf: 'qemu-system-x86-core' };
const venv = 'target/tools/venv/bin';

/** Every program that the harness calls, in the order in which a run needs them. */
export const tools: readonly Tool[] = [
  { id: 'node', argv: ['node', '--version'], atLeast: '26.0.0', neededFor: 'everything', otherwise: 'npm ci' },
  { id: 'just', argv: ['just', '--version'], neededFor: 'the recipes', otherwise: 'npm ci' },
  {
    id: 'podman',
    argv: ['podman', '--version'],
    atLeast: '4.3.0',
    neededFor: 'building images',
    packages: { apt: 'podman', dnf: 'podman' },
  },
  {
    id: 'mmdebstrap',
    argv: ['mmdebstrap', '--version'],
    neededFor: 'making the Debian base image (not with BOOTC_base)',
    packages: { apt: 'mmdebstrap', dnf: 'mmdebstrap' },
  },
  {
    id: 'virsh',
    argv: ['virsh', '--version'],
    atLeast: '9.0.0',
    neededFor: 'VMs',
    packages: { apt: 'libvirt-daemon-system libvirt-clients', dnf: 'libvirt-daemon-kvm libvirt-client' },
  },
  { id: 'qemu', argv: ['qemu-system-x86_64', '--version'], atLeast: '7.2.0', neededFor: 'VMs', packages: qemu },
  {
    id: 'qemu-img',
    argv: ['qemu-img', '--version'],
    neededFor: 'disks of VMs',
    packages: { apt: 'qemu-utils', dnf: 'qemu-img' },
  },
  {
    id: 'swtpm',
    argv: ['swtpm', '--version'],
    neededFor: 'the TPM of VMs',
    packages: { apt: 'swtpm', dnf: 'swtpm' },
  },
  {
    id: 'swtpm_setup',
    // The one of Debian 12 says its version, and fails, when it is asked for that alone.
    argv: ['swtpm_setup', '--help'],
    neededFor: 'the TPM of VMs',
    packages: { apt: 'swtpm-tools', dnf: 'swtpm-tools' },
  },
  {
    id: 'ssh',
    argv: ['ssh', '-V'],
    neededFor: 'reaching VMs',
    packages: { apt: 'openssh-client', dnf: 'openssh-clients' },
  },
  {
    id: 'objcopy',
    argv: ['objcopy', '--version'],
    neededFor: 'installing images with a unified kernel image',
    optional: true,
    packages: { apt: 'binutils', dnf: 'binutils' },
  },
  {
    id: 'runc',
    argv: ['runc', '--version'],
    neededFor: 'building images where no systemd runs',
    optional: true,
    packages: { apt: 'runc', dnf: 'runc' },
  },
  { id: 'rsync', argv: ['rsync', '--version'], neededFor: 'tmt', packages: { apt: 'rsync', dnf: 'rsync' } },
  { id: 'tmt', argv: [`${venv}/tmt`, '--version'], neededFor: 'running plans', otherwise: './justw doctor' },
  {
    id: 'virt-fw-vars',
    argv: [`${venv}/virt-fw-vars`, '--help'],
    neededFor: 'sealed cells: enrolling Secure Boot keys',
    optional: true,
    otherwise: './justw doctor',
  },
  {
    id: 'openssl',
    argv: ['openssl', 'version'],
    neededFor: 'sealed cells: making Secure Boot keys',
    optional: true,
    packages: { apt: 'openssl', dnf: 'openssl' },
  },
  {
    id: 'cfsctl',
    argv: ['target/tools/bin/cfsctl', '--version'],
    neededFor: 'the interop tests (`just interop`), which compare with it',
    optional: true,
    otherwise: './justw interop',
  },
  {
    id: 'bcvk',
    argv: ['bcvk', '--version'],
    neededFor: 'nothing: where it is missing or KVM does not work, the bundled one is used',
    optional: true,
  },
];

/** Asks a tool for its version and judges it. A tool that fails to answer is as good as missing. */
export async function checkTool(tool: Tool, distribution: Distribution, signal?: AbortSignal): Promise<Finding> {
  const base = { id: tool.id, neededFor: tool.neededFor };
  const fix = fixOf(tool, distribution);
  const bad = tool.optional === true ? 'warning' : 'missing';
  try {
    const options = { step: `ask ${tool.id} for its version`, timeoutMs: 60_000, ...(signal && { signal }) };
    const { stdout, stderr } = await run(tool.argv, options);
    return { ...base, ...judgeVersion(tool, `${stdout}${stderr}`, fix) };
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure === 'aborted') throw error;
    const found = error.failure === 'not-found' ? 'not found' : (error.message.split('\n')[0] ?? 'fails');
    return { ...base, status: bad, found, ...fix };
  }
}

/** Judges what a tool printed as its version. Pure. */
export function judgeVersion(
  tool: Pick<Tool, 'atLeast' | 'optional'>,
  printed: string,
  fix: { fix?: string } = {},
): Pick<Finding, 'status' | 'found' | 'fix'> {
  const version = semver.coerce(printed.split('\n').find((line) => /\d/.test(line)));
  const found = version === null ? 'there' : version.version;
  if (tool.atLeast === undefined) return { status: 'ok', found };
  if (version !== null && semver.gte(version, tool.atLeast)) return { status: 'ok', found };
  return {
    status: tool.optional === true ? 'warning' : 'missing',
    found: `${found}, but ${tool.atLeast} or later is needed`,
    ...fix,
  };
}

function fixOf(tool: Tool, distribution: Distribution): { fix?: string } {
  if (tool.packages !== undefined) return { fix: installCommand(distribution, tool.packages) };
  return tool.otherwise === undefined ? {} : { fix: tool.otherwise };
}
