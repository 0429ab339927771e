import type { ImageFacts } from '../images/podman.ts';
import type { RunVmRequest } from './run-vm-request.ts';

/** Metadata of a domain, with real bcvk's names where it has them. */
export function vmMetadata(
  request: RunVmRequest,
  image: ImageFacts,
  facts: {
    accel: string;
    sshPort: number;
    privateKey: string;
    baseDiskKey: string;
    /** Of the snapshot that is to be taken of it. */
    snapshotKey?: string | undefined;
  },
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
    ...(facts.snapshotKey === undefined ? {} : { 'wanted-snapshot': facts.snapshotKey }),
  };
}
