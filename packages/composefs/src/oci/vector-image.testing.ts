import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** What cfsctl made of the image in `vectors/oci/image`, for one tag, hash and format. */
export interface VectorRun {
  manifestVerityPrinted: string;
  image: string;
  imageBootable: string;
  imageKeepUserXattrs: string;
  imageBootableKeepUserXattrs: string;
  streams: Record<string, string>;
  manifestStreamSeen: Record<string, string[]>;
  dumps: { plain: string; bootable: string; 'keep-user-xattrs': string };
  gcDryRunRightAfterPull: string;
  gcRightAfterPull: string;
  fsckAfterGc: string;
  ociFsckAfterGc: string;
  repositoryFiles?: { path: string; type: 'dir' | 'file' | 'symlink'; size?: number; mode?: string; target?: string }[];
  repositoryFilesVaryingBetweenRuns?: { path: string }[];
  streamBytesBase64?: Record<string, string>;
}

interface Vectors {
  oci: {
    tags: Record<string, { manifest: string; config: string; diffIds: string[] }>;
    runs: Record<string, VectorRun>;
  };
}

const folder = new URL('../../vectors/', import.meta.url);

/** The OCI layout that the vectors were made of. */
export const vectorLayout = fileURLToPath(new URL('oci/image', folder));

export const { oci: ociVectors } = JSON.parse(readFileSync(new URL('vectors.json', folder), 'utf8')) as Vectors;

/** Text of a file among the vectors. */
export function readVector(path: string): string {
  return readFileSync(new URL(path, folder), 'utf8');
}
