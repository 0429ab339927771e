import type { Accel, AccelChoice } from '../accel/accel.ts';
import type { Virsh } from './virsh.ts';

/** What `libvirt status` says, with the names of real bcvk's JSON; the last two are ours, and missing while that is not known. */
export interface LibvirtStatus {
  version: { major: number; minor: number; micro: number; full_version: string } | null;
  /** Read-only shares work with any libvirt here: they are read-only bind mounts, see planShares. */
  supports_readonly_virtiofs: boolean;
  domain_count: number;
  running_domain_count: number;
  accel?: Accel;
  accel_reason?: string;
}

/** Asks libvirt for its version and counts its domains, ours and others. */
export async function readStatus(virsh: Virsh, accel: AccelChoice | undefined): Promise<LibvirtStatus> {
  const { stdout } = await virsh(['version'], 'ask libvirt for its version');
  const all = (await virsh(['list', '--all', '--name'], 'list the domains')).stdout
    .split('\n')
    .filter((line) => line.trim());
  const running = (await virsh(['list', '--name'], 'list the running domains')).stdout
    .split('\n')
    .filter((line) => line.trim());
  return {
    version: parseLibvirtVersion(stdout),
    supports_readonly_virtiofs: true,
    domain_count: all.length,
    running_domain_count: running.length,
    ...(accel === undefined ? {} : { accel: accel.accel, accel_reason: accel.reason }),
  };
}

/** Reads `Using library: libvirt 9.0.0` of `virsh version`. */
export function parseLibvirtVersion(output: string): LibvirtStatus['version'] {
  const match = /libvirt (\d+)\.(\d+)\.(\d+)/.exec(output);
  if (match === null) return null;
  const [major = 0, minor = 0, micro = 0] = match.slice(1).map(Number);
  return { major, minor, micro, full_version: `${major}.${minor}.${micro}` };
}
