import { access, mkdir, statfs } from 'node:fs/promises';
import { CommandError, run } from '@workbench/run';
import { z } from 'zod';
import { workspace } from '../settings/workspace.ts';
import { type Distribution, installCommand } from './distribution.ts';
import type { Finding } from './finding.ts';

/** Room for the base image, an OS image, two installed disks and a run. */
const neededBytes = 12 * 1024 ** 3;
const comfortableBytes = 25 * 1024 ** 3;

const bcvkStatus = z.looseObject({ accel: z.enum(['kvm', 'tcg']).optional(), accel_reason: z.string().optional() });

/** Whether VMs run by KVM, as the bundled bcvk finds out by booting a guest. */
export async function checkKvm(signal: AbortSignal): Promise<Finding> {
  const base = { id: 'kvm', neededFor: 'speed; without it guests are emulated' };
  try {
    const { stdout } = await run(['node', workspace.bundledBcvk, 'libvirt', 'status', '--format=json'], {
      step: 'ask the bundled bcvk how guests run here',
      timeoutMs: 180_000,
      signal,
    });
    return { ...base, ...judgeAccel(stdout) };
  } catch (error) {
    if (error instanceof CommandError && error.failure === 'aborted') throw error;
    const found = `not known: ${error instanceof Error ? error.message.split('\n')[0] : String(error)}`;
    return { ...base, status: 'warning', found };
  }
}

/** Judges what `bcvk libvirt status --format=json` says of acceleration. Pure. */
export function judgeAccel(statusJson: string): Pick<Finding, 'status' | 'found'> {
  const { accel, accel_reason: reason = 'no reason given' } = bcvkStatus.parse(JSON.parse(statusJson));
  if (accel === 'kvm') return { status: 'ok', found: reason };
  // No answer is not "no KVM".
  if (accel === undefined) return { status: 'warning', found: 'not known before a VM was made here' };
  return { status: 'warning', found: `guests are emulated (TCG): ${reason}` };
}

/** Whether libvirt's daemon answers. */
export async function checkLibvirt(distribution: Distribution, signal: AbortSignal): Promise<Finding> {
  const base = { id: 'libvirt', neededFor: 'VMs' };
  try {
    // By the connection that bcvk uses: libvirt's default.
    const { stdout } = await run(['virsh', '--quiet', 'uri'], {
      step: 'ask libvirt',
      timeoutMs: 20_000,
      signal,
    });
    return { ...base, status: 'ok', found: `answers at ${stdout.trim()}` };
  } catch (error) {
    if (!(error instanceof CommandError) || error.failure === 'aborted') throw error;
    if (error.failure === 'not-found') {
      const packages = { apt: 'libvirt-daemon-system libvirt-clients', dnf: 'libvirt-daemon-kvm libvirt-client' };
      return { ...base, status: 'missing', found: 'virsh was not found', fix: installCommand(distribution, packages) };
    }
    const fix = 'systemctl start libvirtd, or without systemd: libvirtd --daemon && virtlogd --daemon';
    return { ...base, status: 'missing', found: 'it does not answer', fix };
  }
}

/** The UEFI firmware files by distribution: plain, and with Secure Boot. */
const firmwareFiles = {
  plain: ['/usr/share/OVMF/OVMF_CODE_4M.fd', '/usr/share/edk2/ovmf/OVMF_CODE.fd'],
  secure: ['/usr/share/OVMF/OVMF_CODE_4M.secboot.fd', '/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd'],
} as const;

/** Whether there is UEFI firmware for VMs. */
export async function checkFirmware(distribution: Distribution): Promise<Finding> {
  const plain = await firstThatExists(firmwareFiles.plain);
  const secure = await firstThatExists(firmwareFiles.secure);
  const base = { id: 'firmware', neededFor: 'VMs; that with Secure Boot for sealed cells' };
  const fix = installCommand(distribution, { apt: 'ovmf', dnf: 'edk2-ovmf' });
  if (plain === undefined) return { ...base, status: 'missing', found: 'no UEFI firmware', fix };
  if (secure === undefined) return { ...base, status: 'warning', found: `${plain}, none with Secure Boot`, fix };
  return { ...base, status: 'ok', found: `${plain}, ${secure}` };
}

/** Where distributions put virtiofsd, which is not on PATH. */
const virtiofsdPlaces = [
  '/usr/libexec/virtiofsd',
  '/usr/lib/virtiofsd',
  '/usr/lib/qemu/virtiofsd',
  '/usr/bin/virtiofsd',
];

/** Whether there is virtiofsd. */
export async function checkVirtiofsd(distribution: Distribution): Promise<Finding> {
  const base = {
    id: 'virtiofsd',
    neededFor: 'installing images: the installer VM sees this machine’s images through it',
  };
  const found = await firstThatExists(virtiofsdPlaces);
  if (found !== undefined) return { ...base, status: 'ok', found };
  const fix = installCommand(distribution, { apt: 'qemu-system-common', dnf: 'virtiofsd' });
  return { ...base, status: 'missing', found: `none of ${virtiofsdPlaces.join(', ')}`, fix };
}

/** Whether there is a place for images and for disks. */
export async function checkDisk(id: string, folder: string): Promise<Finding> {
  await mkdir(folder, { recursive: true }).catch(() => {});
  const { bavail, bsize } = await statfs(folder);
  return { id, neededFor: 'images, disks and logs', ...judgeFreeSpace(folder, bavail * bsize) };
}

/** Judges the free space of a folder. Pure. */
export function judgeFreeSpace(folder: string, freeBytes: number): Pick<Finding, 'status' | 'found' | 'fix'> {
  const found = `${gib(freeBytes)} GiB free at ${folder}`;
  if (freeBytes >= comfortableBytes) return { status: 'ok', found };
  const fix = 'just clean; podman image prune; both remove only what can be made again';
  if (freeBytes >= neededBytes) return { status: 'warning', found: `${found}: enough for one cell at a time`, fix };
  return { status: 'missing', found: `${found}, ${gib(neededBytes)} GiB are needed`, fix };
}

function gib(bytes: number): string {
  return (bytes / 1024 ** 3).toFixed(1);
}

async function firstThatExists(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const exists = await access(file).then(
      () => true,
      () => false,
    );
    if (exists) return file;
  }
  return undefined;
}
