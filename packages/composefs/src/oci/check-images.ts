import { CodedError } from '@workbench/run';
import { linkedDigest } from '../repository/links.ts';
import { hasObject } from '../repository/objects.ts';
import type { Repository } from '../repository/repository.ts';
import { readJsonStream } from './image-metadata.ts';
import { isContainerImage, parseConfig, parseManifest } from './manifest.ts';
import { streamName } from './names.ts';
import { listTags } from './tags.ts';

/** What a check of the tagged images found. */
export interface ImageCheck {
  imagesChecked: number;
  imagesCorrupted: number;
  /** One line each: `fsck: KIND: TAG: …`. */
  errors: string[];
}

/**
 * Checks tagged images: that manifest and configuration are what their digests say, and that every layer is there. The
 * content of objects is for `checkRepository`. Damage is reported, not thrown.
 *
 * @param only the one tag to check.
 */
export async function checkImages(repository: Repository, only?: string): Promise<ImageCheck> {
  const result: ImageCheck = { imagesChecked: 0, imagesCorrupted: 0, errors: [] };
  const tags = await listTags(repository, { withLost: true });
  if (only !== undefined && !tags.has(only)) {
    return {
      imagesChecked: 1,
      imagesCorrupted: 1,
      errors: [`fsck: ref-resolve-failed: ${only}: OCI reference not found: ${only}`],
    };
  }
  for (const [tag, manifestDigest] of tags) {
    if (only !== undefined && only !== tag) continue;
    const findings = await checkImage(repository, manifestDigest);
    result.imagesChecked += 1;
    if (findings.length > 0) result.imagesCorrupted += 1;
    for (const { kind, detail } of findings) result.errors.push(`fsck: ${kind}: ${tag}: ${detail}`);
  }
  return result;
}

interface Finding {
  kind: string;
  detail: string;
}

async function checkImage(repository: Repository, manifestDigest: string): Promise<Finding[]> {
  const manifestName = streamName('manifest', manifestDigest);
  const read = await readJson(repository, 'manifest', {
    digest: manifestDigest,
    stream: linkedDigest(repository, 'streams', manifestName),
  });
  if ('kind' in read) return [read];
  const { value: manifest, findings } = parse(() => parseManifest(read.bytes), 'manifest');
  if (manifest === undefined) return findings;
  const configDigest = manifest.config.digest;
  const configStream = read.stream.namedReferences.get(`config:${configDigest}`);
  if (configStream === undefined) return [{ kind: 'config-ref-missing', detail: configDigest }];
  const config = await readJson(repository, 'config', { digest: configDigest, stream: configStream });
  if ('kind' in config) return [config];
  if (!isContainerImage(manifest)) {
    return manifest.layers.flatMap(({ digest }) => {
      const referenced = read.stream.namedReferences.get(digest);
      if (referenced === undefined) return [{ kind: 'artifact-layer-ref-missing', detail: digest }];
      return hasObject(repository, referenced) ? [] : [{ kind: 'artifact-layer-object-missing', detail: digest }];
    });
  }
  const parsed = parse(() => parseConfig(config.bytes), 'config');
  if (parsed.value === undefined) return parsed.findings;
  return parsed.value.rootfs.diff_ids.flatMap((diffId) => {
    const referenced = config.stream.namedReferences.get(diffId);
    if (referenced === undefined) return [{ kind: 'layer-ref-missing', detail: diffId }];
    const linked = linkedDigest(repository, 'streams', streamName('layer', diffId));
    if (linked === undefined) return [{ kind: 'layer-stream-missing', detail: diffId }];
    return hasObject(repository, referenced) ? [] : [{ kind: 'layer-open-failed', detail: diffId }];
  });
}

function parse<Value>(read: () => Value, kind: 'manifest' | 'config'): { value?: Value; findings: Finding[] } {
  try {
    return { value: read(), findings: [] };
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return { findings: [{ kind: `${kind}-read-failed`, detail: error.message }] };
  }
}

async function readJson(
  repository: Repository,
  kind: 'manifest' | 'config',
  { digest, stream }: { digest: string; stream: string | undefined },
): Promise<Awaited<ReturnType<typeof readJsonStream>> | Finding> {
  const unreadable: Finding = { kind: `${kind}-read-failed`, detail: `Opening stream '${streamName(kind, digest)}'` };
  if (stream === undefined) return unreadable;
  try {
    return await readJsonStream(repository, kind, { digest, stream });
  } catch (error) {
    if (!(error instanceof CodedError)) throw error;
    return error.code === 'OCI_BLOB_MISMATCH' ? { kind: `${kind}-digest-mismatch`, detail: digest } : unreadable;
  }
}
