import { CodedError } from '@workbench/run';
import { z } from 'zod';

/**
 * The parts of the OCI image format that are used here (OCI image specification, v1.1); everything else passes through
 * unread.
 */
const annotationsSchema = absentOrNull(z.record(z.string(), z.string()));

const descriptorSchema = z.looseObject({
  mediaType: z.string(),
  digest: z.string(),
  size: z.number().int().nonnegative(),
  annotations: annotationsSchema,
});

const manifestSchema = z.looseObject({
  schemaVersion: z.literal(2),
  mediaType: absentOrNull(z.string()),
  config: descriptorSchema,
  layers: z.array(descriptorSchema),
  annotations: annotationsSchema,
});

const configSchema = z.looseObject({
  created: absentOrNull(z.string()),
  architecture: z.string(),
  os: z.string(),
  config: z
    .looseObject({
      Labels: z.record(z.string(), z.string()).nullish(),
      Env: z.array(z.string()).nullish(),
    })
    .nullish(),
  rootfs: z.looseObject({ type: z.string(), diff_ids: z.array(z.string()) }),
});

const indexSchema = z.looseObject({
  schemaVersion: z.literal(2),
  manifests: z.array(
    descriptorSchema.extend({
      platform: absentOrNull(z.looseObject({ architecture: z.string(), os: z.string() })),
    }),
  ),
});

export type OciDescriptor = z.infer<typeof descriptorSchema>;
export type OciManifest = z.infer<typeof manifestSchema>;
export type OciConfig = z.infer<typeof configSchema>;
export type OciIndex = z.infer<typeof indexSchema>;

const containerConfigTypes = [
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
];
const indexTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];

// Programs in Go write null for what is not set.
function absentOrNull<Shape>(schema: z.ZodType<Shape>) {
  return schema
    .nullish()
    .transform((value) => value ?? undefined)
    .optional();
}

/** Reads a manifest. @throws CodedError `OCI_INVALID`. */
export function parseManifest(json: Uint8Array): OciManifest {
  return parseAs('manifest', manifestSchema, json);
}

/** Reads an image configuration. @throws CodedError `OCI_INVALID`. */
export function parseConfig(json: Uint8Array): OciConfig {
  return parseAs('configuration', configSchema, json);
}

/** Reads an index of manifests. @throws CodedError `OCI_INVALID`. */
export function parseIndex(json: Uint8Array): OciIndex {
  return parseAs('index', indexSchema, json);
}

/** Whether a manifest is of a container image, not of some other artifact. */
export function isContainerImage(manifest: OciManifest): boolean {
  return containerConfigTypes.includes(manifest.config.mediaType);
}

/**
 * @param name what to call it in the error.
 * @throws CodedError `OCI_ARTIFACT` if a manifest is not of a container image.
 */
export function requireContainerImage(manifest: OciManifest, name: string): void {
  if (isContainerImage(manifest)) return;
  const type = manifest.config.mediaType;
  throw new CodedError('OCI_ARTIFACT', `${name} is an artifact (${type}), not a container image`, {
    hint: 'name a container image, as podman build makes it',
  });
}

/** Whether a descriptor leads to a further index. */
export function isIndex(descriptor: OciDescriptor): boolean {
  return indexTypes.includes(descriptor.mediaType);
}

function parseAs<Shape>(what: string, schema: z.ZodType<Shape>, json: Uint8Array): Shape {
  const invalid = (problem: string, cause: unknown) =>
    new CodedError('OCI_INVALID', `the ${what} of the image is not valid: ${problem}`, {
      hint: 'the image is damaged, or was made by a tool that does not keep to the OCI image specification',
      cause,
    });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(json).toString());
  } catch (error) {
    throw invalid('it is no JSON', error);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw invalid(z.prettifyError(parsed.error).replaceAll('\n', ' '), parsed.error);
}
