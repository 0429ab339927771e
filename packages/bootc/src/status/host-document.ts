import { z } from 'zod';
import { imageTransports } from '../deployment/image-reference.ts';

// Status needs the types alone, so no module that it runs imports this one's values: a schema library takes time to start.

const imageReference = z
  .object({
    image: z.string(),
    transport: z.enum(imageTransports),
    signature: z.union([z.literal('containerPolicy'), z.object({ ostreeRemote: z.string() })]).exactOptional(),
  })
  .meta({ id: 'ImageReference', description: 'An image reference; without a signature nothing is verified' });

const image = z
  .object({
    image: imageReference,
    version: z.string().nullable(),
    timestamp: z.string().nullable().describe('RFC 3339'),
    imageDigest: z.string().describe('Of the manifest'),
    architecture: z.string(),
  })
  .meta({ id: 'Image', description: 'The image of a deployment' });

const seal = z
  .object({
    sealed: z.boolean(),
    signer: z
      .object({ subject: z.string(), fingerprint: z.string() })
      .nullable()
      .describe('Subject of the certificate, and its SHA-256'),
  })
  .describe('Whether what a deployment boots with is sealed, and by whose key');

const bootEntry = z
  .object({
    image: image.nullable(),
    cachedUpdate: image
      .nullable()
      .describe('Of the booted deployment: a newer version that was found, but not fetched'),
    incompatible: z.boolean(),
    pinned: z.boolean(),
    softRebootCapable: z.boolean(),
    downloadOnly: z.boolean(),
    store: z.null(),
    ostree: z.null(),
    composefs: z.object({
      verity: z.string(),
      bootType: z.enum(['Bls', 'Uki']),
      bootloader: z.string(),
      bootDigest: z.string().nullable(),
      missingVerityAllowed: z.boolean(),
      seal: seal.exactOptional().describe('Only of a deployment with a unified kernel image'),
    }),
  })
  .meta({ id: 'BootEntry', description: 'One deployment' });

const usrOverlay = z
  .object({
    accessMode: z.enum(['readOnly', 'readWrite']),
    persistence: z.enum(['transient', 'persistent']),
  })
  .describe('An overlay on /usr');

const lastFinalize = z
  .object({
    deployment: z.string(),
    image: z.string(),
    result: z
      .enum(['failed', 'interrupted', 'notRun'])
      .describe('failed: with the reason; interrupted: while it ran; notRun: the system went down without it'),
    message: z.string(),
    time: z.string().describe('RFC 3339; of the failure, or of when it was begun or staged'),
  })
  .describe('Why a staged deployment is not the booted one');

/**
 * The status document, `org.containers.bootc/v1`. The order of the keys is that of the YAML output. `secureBoot`,
 * `unmanaged` and `incomplete` are additions of this program, absent when there is nothing to tell.
 */
export const hostDocument = z
  .object({
    apiVersion: z.literal('org.containers.bootc/v1'),
    kind: z.literal('BootcHost'),
    metadata: z.object({ name: z.literal('host') }),
    spec: z.object({ image: imageReference.nullable(), bootOrder: z.enum(['default', 'rollback']) }),
    status: z.object({
      staged: bootEntry.nullable(),
      booted: bootEntry.nullable(),
      rollback: bootEntry.nullable(),
      otherDeployments: z.array(bootEntry).exactOptional(),
      rollbackQueued: z.boolean(),
      type: z.literal('bootcHost').nullable(),
      usrOverlay: usrOverlay.nullable(),
      readOnly: z.boolean(),
      secureBoot: z
        .enum(['enabled', 'disabled', 'setup'])
        .exactOptional()
        .describe('What the firmware checks, where a deployment has a unified kernel image'),
      lastFinalize: lastFinalize
        .exactOptional()
        .describe('What became of a staged deployment that is not there after a reboot, or could not be finalized'),
      unmanaged: z
        .array(z.object({ entry: z.string(), reason: z.string() }))
        .exactOptional()
        .describe('Boot entries that this program leaves alone'),
      incomplete: z
        .array(z.object({ deployment: z.string().nullable(), problem: z.string() }))
        .exactOptional()
        .describe('What of the deployments could not be read'),
    }),
  })
  .describe('The status document of bootc');

/** The status document as a value. */
export type HostDocument = z.infer<typeof hostDocument>;

/** An image reference as the status document has it. */
export type ImageReferenceDocument = z.infer<typeof imageReference>;

/** The image of a deployment. */
export type ImageDocument = z.infer<typeof image>;

/** One deployment. */
export type BootEntryDocument = z.infer<typeof bootEntry>;

/** Whether what a deployment boots with is sealed, and by whose key. */
export type SealDocument = z.infer<typeof seal>;

/** An overlay on `/usr`. */
export type UsrOverlayDocument = z.infer<typeof usrOverlay>;

/** Why a staged deployment is not the booted one. */
export type LastFinalizeDocument = z.infer<typeof lastFinalize>;
