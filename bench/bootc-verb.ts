/**
 * One verb of bootc on a system of plain files, as a process of its own, for bench/bootc.ts:
 * `node bench/bootc-verb.ts status|upgrade ROOT BOOTED_ID`. What it prints is what the verb prints.
 */
import { join } from 'node:path';
import type { BootedStorage } from '../packages/bootc/src/storage/booted-storage.ts';
import { imageStoreOf } from '../packages/bootc/src/storage/image-store.ts';

const [verb, directory, bootedId] = process.argv.slice(2) as [string, string, string];

const composefs = await import('@workbench/composefs');
const physicalRoot = join(directory, 'root/sysroot');
const repository = await composefs.openRepository(join(physicalRoot, 'composefs'));
const espDirectory = join(directory, 'esp');
const storage: BootedStorage = {
  root: join(directory, 'root'),
  physicalRoot,
  host: { kind: 'composefs', deploymentId: bootedId, isMissingVerityAllowed: true },
  boot: { bootloader: 'systemd', bootDirectory: espDirectory, espDirectory },
  isReadOnly: false,
  mounts: [],
  images: imageStoreOf(repository, composefs),
  openRepository: async () => repository,
  [Symbol.asyncDispose]: () => repository[Symbol.asyncDispose](),
};

if (verb === 'status') {
  const { buildRootModel } = await import('../packages/bootc/src/storage/root-model.ts');
  const { buildHostDocument } = await import('../packages/bootc/src/status/build-host-document.ts');
  const { formatDocument } = await import('../packages/bootc/src/status/format-document.ts');
  const system = { mounts: [], isReadOnly: false, isSelinuxEnabled: false };
  const document = buildHostDocument(await buildRootModel(storage), system);
  process.stdout.write(await formatDocument(document, { format: 'json', isVerbose: false }));
} else {
  const { upgrade } = await import('../packages/bootc/src/operations/upgrade.ts');
  await upgrade(
    storage,
    { isDownloadOnly: false },
    {
      print: (line) => void process.stdout.write(`${line}\n`),
      warn: (line) => void process.stderr.write(`${line}\n`),
      startFinalizer: () => Promise.reject(new Error('there is nothing to finalize')),
    },
  );
}
