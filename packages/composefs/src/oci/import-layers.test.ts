import { dirSync } from 'tmp-promise';
import { afterAll, expect, test } from 'vitest';
import type { LayerSource } from '../containers-storage/image-source.ts';
import { initRepository } from '../repository/init-repository.ts';
import { zeroCounters } from '../repository/layer-builder.ts';
import { listLinks } from '../repository/links.ts';
import { type ImportProgress, importLayers } from './import-layers.ts';

const folder = dirSync({ unsafeCleanup: true, prefix: 'import-layers-' });
afterAll(() => folder.removeCallback());

const diffId = (digit: string) => `sha256:${digit.repeat(64)}`;
const images = { manifest: Buffer.alloc(0), config: Buffer.alloc(0) };
let read: string[] = [];

function layer(digit: string, act: (signal: AbortSignal | undefined) => Promise<void> = async () => {}): LayerSource {
  return {
    diffId: diffId(digit),
    sizeBytes: 10,
    async read(_, builder, { report, signal }) {
      read.push(digit);
      await act(signal);
      builder.addInline(Buffer.from(digit));
      report(7);
    },
  };
}

const open = (name: string) =>
  initRepository(`${folder.name}/${name}`, { algorithm: 'sha256', verity: 'off', erofsFormats: { default: 1 } });

test('a failure is told, what was complete has its name, and the next import goes on from there', async () => {
  await using repository = await open('failure');
  read = [];
  const failure = new Error('cut off');
  const failing = layer('b', () => Promise.reject(failure));
  const layers = (second: LayerSource) => ({ ...images, layers: [layer('a'), second, layer('c')] });
  await expect(importLayers(repository, layers(failing), { counters: zeroCounters() })).rejects.toBe(failure);
  expect(listLinks(repository, 'streams').map(({ name }) => name)).toEqual([`oci-layer-${diffId('a')}`]);
  const { unnamed } = await importLayers(repository, layers(layer('b')), { counters: zeroCounters() });
  // So little waits for the next sync.
  expect(unnamed).toMatchObject(['b', 'c'].map((digit) => ({ name: `oci-layer-${diffId(digit)}` })));
  expect(read).toEqual(['a', 'b', 'b', 'c']);
});

test('when one fails, those that are being read at the same time are called off', async () => {
  await using repository = await open('parallel');
  const failure = new Error('cut off');
  let calledOff: unknown;
  const waiting = layer('a', async (signal) => {
    await new Promise((resolve) => signal?.addEventListener('abort', resolve));
    calledOff = signal?.reason;
    throw calledOff;
  });
  const failing = layer('b', () => Promise.reject(failure));
  const image = { ...images, layers: [waiting, failing], parallelLayers: 2 };
  await expect(importLayers(repository, image, { counters: zeroCounters() })).rejects.toBe(failure);
  expect(calledOff).toBe(failure);
});

test('progress adds up to the total, whatever a source reports; the same layer twice is read once', async () => {
  await using repository = await open('progress');
  read = [];
  const seen: ImportProgress[] = [];
  // The copy that is not read may be compressed in another way.
  const image = { ...images, layers: [{ ...layer('a'), sizeBytes: 3 }, layer('b'), layer('a')] };
  const { layers: stored } = await importLayers(repository, image, {
    counters: zeroCounters(),
    onProgress: (progress) => seen.push(progress),
  });
  expect(read).toEqual(['a', 'b']);
  expect(stored.map((each) => each.diffId)).toEqual(['a', 'b', 'a'].map(diffId));
  expect(stored[0]).toEqual(stored[2]);
  const last = { bytesTotal: 23, bytesDone: 23, layersDone: 3, layersTotal: 3 };
  expect(seen.slice(-2)).toEqual([
    { phase: 'layers', ...last },
    { phase: 'images', ...last },
  ]);
  expect(seen.every(({ bytesDone }, i) => bytesDone >= (seen[i - 1]?.bytesDone ?? 0))).toBe(true);
});
