/**
 * One step of the benchmark of unified storage, as a process of its own, so that its time and memory are its own:
 * `node bench/unified-upgrade.ts ROOT IMAGE unified|direct` brings an image into the repository of a root file system.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describeError } from '@workbench/run';
import { acquireImage } from '../packages/bootc/src/unified/acquire-image.ts';
import { importImage, openRepository, tagImage } from '../packages/composefs/src/index.ts';

async function main(): Promise<void> {
  const [root, image, way] = process.argv.slice(2) as [string, string, string];
  const acquired = await acquireImage({
    root,
    physicalRoot: root,
    reference: { transport: 'registry', image },
    isUnifiedRequested: way === 'unified',
    warn: (line) => console.error(line),
  });
  await using repository = await openRepository(join(root, 'composefs'));
  const { manifestDigest, counters, bootImageIds } = await importImage(repository, acquired.source, {
    bootable: true,
    isBootOnly: true,
    ...acquired.options,
  });
  await tagImage(repository, `localhost/bootc-${manifestDigest}`, manifestDigest);
  const images = [...bootImageIds.values()].map((image) => statSync(join(repository.path, 'images', image)).size);
  const imagesBytes = images.reduce((sum, bytes) => sum + bytes, 0);
  console.log(JSON.stringify({ counters, imagesBytes, id: bootImageIds.get(repository.erofsFormats.default) }));
}

try {
  await main();
} catch (error) {
  console.error(describeError(error));
  process.exitCode = 1;
}
