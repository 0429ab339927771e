import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { makeMockInstallation } from '../storage/mock-installation.ts';
import { buildRootModel } from '../storage/root-model.ts';
import { makeUki } from '../uki/make-pe.testing.ts';
import { buildHostDocument } from './build-host-document.ts';
import { formatHumanReadable } from './human-readable.ts';
import { readSeal, readSecureBoot, type SecureBoot } from './seal.ts';

const id = 'e7'.repeat(64);
const mock = makeMockInstallation({ bootedId: id });
afterAll(() => rmSync(mock.directory, { recursive: true }));

function plant(path: string, content: string | Uint8Array): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
}

test('status tells of a unified kernel image that nobody signed, and of the firmware', async () => {
  const { espDirectory } = mock.boot;
  const name = `EFI/Linux/bootc/bootc_composefs-${id}.efi`;
  plant(
    join(espDirectory, 'loader/entries/bootc_x-1-1.conf'),
    `title X\nversion 1\nefi /${name}\nsort-key bootc-x-0\n`,
  );
  plant(join(espDirectory, name), makeUki(`composefs=${id}`));
  const origin =
    '[origin]\ncontainer-image-reference = ostree-unverified-image:docker://x\n\n[boot]\nboot_type = uki\n';
  plant(join(mock.physicalRoot, `state/deploy/${id}/${id}.origin`), origin);
  const model = await buildRootModel(mock);
  const seal = readSeal(model.deployments.get(id)!, mock.boot)!;
  expect(seal).toEqual({ sealed: false, signer: null });
  const system = { mounts: [], isReadOnly: false, isSelinuxEnabled: false };
  const signer = { subject: 'CN=vendor db', fingerprint: 'ab'.repeat(32) };
  const document = buildHostDocument(model, {
    ...system,
    seals: new Map([[id, { sealed: true, signer }]]),
    secureBoot: 'enabled',
  });
  expect(document.status.booted?.composefs).toMatchObject({ bootType: 'Uki', seal: { sealed: true, signer } });
  expect(document.status.secureBoot).toBe('enabled');
  const text = formatHumanReadable(document, { isVerbose: false });
  expect(text).toContain('Sealed: yes, signed by CN=vendor db (abababababababab)\n');
  expect(text).toContain('Secure Boot: enabled\n');
  const unsigned = buildHostDocument(model, { ...system, seals: new Map([[id, seal]]), secureBoot: 'disabled' });
  expect(formatHumanReadable(unsigned, { isVerbose: false })).toContain('Sealed: no, not signed\n');
  expect(buildHostDocument(model, system).status.booted?.composefs).not.toHaveProperty('seal');
});

test.each<[SecureBoot | undefined, number | undefined, number]>([
  ['enabled', 1, 0],
  ['disabled', 0, 0],
  ['setup', 0, 1],
  [undefined, undefined, 0],
])('Secure Boot is %s', async (expected, secureBoot, setupMode) => {
  const directory = join(mock.directory, `firmware-${secureBoot}-${setupMode}`);
  const flags = { SecureBoot: secureBoot, SetupMode: setupMode };
  for (const [name, value] of Object.entries(flags)) {
    const path = join(directory, `sys/firmware/efi/efivars/${name}-8be4df61-93ca-11d2-aa0d-00e098032b8c`);
    if (value !== undefined) plant(path, Uint8Array.of(6, 0, 0, 0, value));
  }
  expect(await readSecureBoot(directory)).toBe(expected);
});
