import type { HostDocument } from './host-document.ts';

/** The document of a system that was not booted from a deployment. */
export function emptyHostDocument(): HostDocument {
  return {
    apiVersion: 'org.containers.bootc/v1',
    kind: 'BootcHost',
    metadata: { name: 'host' },
    spec: { image: null, bootOrder: 'default' },
    status: {
      staged: null,
      booted: null,
      rollback: null,
      rollbackQueued: false,
      type: null,
      usrOverlay: null,
      readOnly: false,
    },
  };
}
