import type { JsonValue } from '../deployment/canonical-json.ts';
import type { ImageTransport } from '../deployment/image-reference.ts';

/** An image reference as the status document has it. */
export interface ImageReferenceDocument {
  image: string;
  transport: ImageTransport;
  signature?: 'containerPolicy' | { ostreeRemote: string };
}

/** The image of a deployment. */
export interface ImageDocument {
  image: ImageReferenceDocument;
  version: string | null;
  timestamp: string | null;
  imageDigest: string;
  architecture: string;
}

/** One deployment. */
export interface BootEntryDocument {
  image: ImageDocument | null;
  /** Of the booted deployment: a newer version that was found, but not fetched. */
  cachedUpdate: ImageDocument | null;
  incompatible: boolean;
  pinned: boolean;
  softRebootCapable: boolean;
  downloadOnly: boolean;
  store: null;
  ostree: null;
  composefs: {
    verity: string;
    bootType: 'Bls' | 'Uki';
    bootloader: string;
    bootDigest: string | null;
    missingVerityAllowed: boolean;
    /** Only of a deployment with a unified kernel image. */
    seal?: SealDocument;
  };
}

/** Whether what a deployment boots with is sealed, and by whose key. */
export interface SealDocument {
  sealed: boolean;
  /** Subject of the certificate, and its SHA-256. */
  signer: { subject: string; fingerprint: string } | null;
}

/** An overlay on `/usr`. */
export interface UsrOverlayDocument {
  accessMode: 'readOnly' | 'readWrite';
  persistence: 'transient' | 'persistent';
}

/** Why a staged deployment is not the booted one. */
export interface LastFinalizeDocument {
  deployment: string;
  image: string;
  /** `failed`: with the reason; `interrupted`: while it ran; `notRun`: the system went down without it. */
  result: 'failed' | 'interrupted' | 'notRun';
  message: string;
  /** RFC 3339; of the failure, or of when it was begun or staged. */
  time: string;
}

/**
 * The status document, `org.containers.bootc/v1`. The order of the keys is that of the YAML output. `secureBoot`,
 * `unmanaged` and `incomplete` are additions of this program, absent when there is nothing to tell.
 */
export interface HostDocument {
  apiVersion: 'org.containers.bootc/v1';
  kind: 'BootcHost';
  metadata: { name: 'host' };
  spec: { image: ImageReferenceDocument | null; bootOrder: 'default' | 'rollback' };
  status: {
    staged: BootEntryDocument | null;
    booted: BootEntryDocument | null;
    rollback: BootEntryDocument | null;
    otherDeployments?: BootEntryDocument[];
    rollbackQueued: boolean;
    type: 'bootcHost' | null;
    usrOverlay: UsrOverlayDocument | null;
    readOnly: boolean;
    /** What the firmware checks, where a deployment has a unified kernel image. */
    secureBoot?: 'enabled' | 'disabled' | 'setup';
    /** What became of a staged deployment that is not there after a reboot, or could not be finalized. */
    lastFinalize?: LastFinalizeDocument;
    /** Boot entries that this program leaves alone. */
    unmanaged?: { entry: string; reason: string }[];
    /** What of the deployments could not be read. */
    incomplete?: { deployment: string | null; problem: string }[];
  };
}

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

/** The document as a JSON value. */
export function toJsonValue(document: HostDocument): JsonValue {
  return document as unknown as JsonValue;
}
