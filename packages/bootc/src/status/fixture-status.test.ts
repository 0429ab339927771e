import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { StoredImage } from '../storage/image-store.ts';
import { makeFixtureInstallation, mockImageStore } from '../storage/mock-installation.ts';
import { parseMountInfo } from '../storage/mount-table.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { buildHostDocument } from './build-host-document.ts';
import { formatDocument } from './format-document.ts';
import type { BootEntryDocument, HostDocument } from './host-document.ts';

const fixtures = new URL('../../fixtures', import.meta.url).pathname;

/** Differences from what the other version printed, each with its reason. */
const legacyDigests: Record<string, string> = {
  // 1.13 printed the digest of the configuration, 1.16 one of two values that changed from call to call, without `sha256:`.
  // Ours is the digest of the manifest, which the registry knows.
  '4a214638': 'sha256:e9c21883c474feb2510f6ce23641c981d7d79d27cf4ae648511e0528490c1d2a',
  '9382c6dc': 'sha256:121f6539e3fc3a85adb7c23a543f261dc3a4ede4b991714a0ce8116d6fb5d31f',
  f00aa276: 'sha256:38187ed433dc2c8aeb9a3db18e1691a799984aeae362549087bedb345d793afa',
};

function expectedDocument(fixture: string): HostDocument {
  const document: HostDocument = JSON.parse(readFileSync(join(fixture, 'status.json'), 'utf8'));
  const { status } = document;
  // 1.13 gave the booted image here even when another one was staged.
  document.spec.image = (status.staged ?? status.booted)?.image?.image ?? null;
  // Both versions left the type out on composefs.
  status.type = 'bootcHost';
  // 1.13 did not have these yet.
  status.readOnly ??= false;
  status.usrOverlay ??= null;
  for (const entry of [status.booted, status.staged, status.rollback]) {
    if (entry === null) continue;
    entry.composefs.missingVerityAllowed ??= false;
    const digest = legacyDigests[entry.composefs.verity.slice(0, 8)];
    if (digest !== undefined && entry.image !== null) entry.image.imageDigest = digest;
  }
  return document;
}

// The fixtures hold no manifests of 1.16 deployments, so these say what the document says.
function imagesOf(document: HostDocument): Record<string, StoredImage> {
  const { booted, staged, rollback } = document.status;
  const entries = [booted, staged, rollback].filter((entry): entry is BootEntryDocument => entry?.image != null);
  return Object.fromEntries(
    entries.map(({ image }) => [
      image!.imageDigest,
      {
        manifest: {
          schemaVersion: 2,
          config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: 'sha256:00', size: 2 },
          layers: [],
        },
        config: {
          created: image!.timestamp!,
          architecture: image!.architecture,
          os: 'linux',
          rootfs: { type: 'layers', diff_ids: [] },
        },
      },
    ]),
  );
}

describe.each(readdirSync(fixtures).filter((name) => name.startsWith('peer-')))('%s', (name) => {
  const fixture = join(fixtures, name);
  const expected = expectedDocument(fixture);

  async function document(): Promise<HostDocument> {
    const mock = makeFixtureInstallation(fixture, mockImageStore({ images: imagesOf(expected) }));
    onTestFinished(() => rmSync(mock.directory, { recursive: true }));
    const system = { mounts: parseMountInfo(''), isReadOnly: false, isSelinuxEnabled: false };
    return buildHostDocument(await buildRootModel(mock), system);
  }

  test('the document is the one the other version printed', async () => {
    expect(await document()).toEqual(expected);
  });

  test('so is the text', async () => {
    const text = await formatDocument(await document(), { format: 'humanreadable', isVerbose: false });
    const theirs = readFileSync(join(fixture, 'status.human'), 'utf8');
    const digests = [...theirs.matchAll(/Digest: (\S+)/g)].map((match) => match[1]!);
    const ours = [...text.matchAll(/Digest: (\S+)/g)].map((match) => match[1]!);
    expect(
      digests.reduce((all, digest, index) => all.replace(`Digest: ${digest} `, `Digest: ${ours[index]} `), theirs),
    ).toBe(text);
  });

  test('JSON is canonical, to the byte', async () => {
    const theirs = readFileSync(join(fixture, 'status.json'), 'utf8');
    expect(await formatDocument(JSON.parse(theirs), { format: 'json', isVerbose: false })).toBe(theirs);
  });
});

test('YAML has the keys in the order of other versions', async () => {
  const fixture = join(fixtures, 'peer-new-3-switched');
  const mock = makeFixtureInstallation(fixture, mockImageStore({ images: imagesOf(expectedDocument(fixture)) }));
  onTestFinished(() => rmSync(mock.directory, { recursive: true }));
  const system = { mounts: [], isReadOnly: false, isSelinuxEnabled: false };
  const document = buildHostDocument(await buildRootModel(mock), system);
  const yaml = await formatDocument(document, { format: 'yaml', isVerbose: false });
  const theirs = readFileSync(join(fixture, 'status.yaml'), 'utf8').replace('type: null', 'type: bootcHost');
  expect(yaml).toBe(theirs);
});
