import { readdirSync, readFileSync } from 'node:fs';
import { parseConfig, parseIndex, parseManifest } from '../../src/oci/manifest.ts';
import { formatMetadata, parseMetadata } from '../../src/repository/metadata.ts';
import type { FuzzTarget } from './target.ts';

/** `meta.json` of a repository. */
export const metadata: FuzzTarget = {
  async makeCorpus() {
    return [
      formatMetadata('sha256', { default: 1, extra: [] }),
      formatMetadata('sha512', { default: 2, extra: [1] }),
      '{"version":1,"algorithm":"fsverity-sha512-12"}',
      '{"version":1,"algorithm":"fsverity-sha256-12","features":{"incompatible":["new"],"read-only-compatible":["x"]}}',
    ].map((text) => Buffer.from(text));
  },
  parse(input) {
    const { algorithm, erofsFormats } = parseMetadata(input.toString());
    parseMetadata(formatMetadata(algorithm, erofsFormats));
  },
  refusals: ['REPOSITORY_METADATA', 'REPOSITORY_TOO_NEW', 'VERITY_ALGORITHM'],
};

/** Manifests, configurations and indexes of OCI images. */
export const ociJson: FuzzTarget = {
  async makeCorpus() {
    const layout = new URL('../../vectors/oci/image/', import.meta.url);
    const blobs = new URL('blobs/sha256/', layout);
    return [
      readFileSync(new URL('index.json', layout)),
      ...readdirSync(blobs).map((name) => readFileSync(new URL(name, blobs))),
    ].filter((blob) => blob[0] === 0x7b);
  },
  parse(input) {
    const accepted = [parseManifest, parseConfig, parseIndex].filter((parse) => isAccepted(() => parse(input)));
    if (accepted.length === 0) parseManifest(input);
  },
  refusals: ['OCI_INVALID'],
};

function isAccepted(parse: () => void): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'OCI_INVALID') return false;
    throw error;
  }
}
