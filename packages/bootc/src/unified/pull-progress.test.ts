import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePullEvent, readLines } from './pull-events.ts';
import { createPullTracker } from './pull-progress.ts';

const digests = ['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`) as [string, string, string];
const layers = [
  { digest: digests[0], size: 100 },
  { digest: digests[1], size: 50 },
];

test('totals are those of the manifest, and what the storage has counts as done', () => {
  const tracker = createPullTracker(layers, new Set([digests[0]]));
  expect(tracker.progress()).toMatchObject({ bytesDone: 100, bytesTotal: 150, bytesCached: 100 });
  tracker.take({ pullProgress: { status: 'pulling', current: 20, total: -1, progressComponentID: digests[1] } });
  expect(tracker.progress()).toMatchObject({ bytesDone: 120, bytesTotal: 150 });
  tracker.take({ pullProgress: { status: 'success', progressComponentID: digests[1] } });
  expect(tracker.progress().blobs).toEqual([
    { digest: digests[0], state: 'cached', bytesDone: 100, bytesTotal: 100 },
    { digest: digests[1], state: 'done', bytesDone: 50, bytesTotal: 50 },
  ]);
});

test('an older podman tells the beginning of a blob; its files tell the bytes', () => {
  const tracker = createPullTracker(layers);
  tracker.take({ stream: `Copying blob ${digests[1]}\n` });
  expect(tracker.progress().blobs[1]).toMatchObject({ state: 'pulling', bytesDone: 0 });
  tracker.sample([30, 40]);
  tracker.sample([]);
  expect(tracker.progress().bytesDone).toBe(70);
  tracker.finish();
  expect(tracker.progress()).toMatchObject({ bytesDone: 150 });
});

const event = fc.oneof(
  fc.record({
    kind: fc.constant('event' as const),
    status: fc.constantFrom('pulling', 'success', 'skipped'),
    current: fc.integer({ min: -1, max: 300 }),
    total: fc.integer({ min: -1, max: 300 }),
    index: fc.nat(2),
  }),
  fc.record({ kind: fc.constant('sample' as const), sizes: fc.array(fc.nat(200), { maxLength: 4 }) }),
);

test.each([{ known: layers }, { known: [] }])(
  'progress never falls and never passes the total: $known.length layers',
  ({ known }) => {
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const tracker = createPullTracker(known);
        let last = tracker.progress();
        for (const step of events) {
          if (step.kind === 'sample') tracker.sample(step.sizes);
          else tracker.take({ pullProgress: { ...step, progressComponentID: digests[step.index as 0 | 1 | 2] } });
          const now = tracker.progress();
          expect(now.bytesDone).toBeGreaterThanOrEqual(last.bytesDone);
          expect(now.bytesTotal).toBe(last.bytesTotal);
          if (now.bytesTotal > 0) expect(now.bytesDone).toBeLessThanOrEqual(now.bytesTotal);
          for (const blob of now.blobs) {
            const before = last.blobs.find(({ digest }) => digest === blob.digest);
            expect(blob.bytesDone).toBeGreaterThanOrEqual(before?.bytesDone ?? 0);
          }
          last = now;
        }
      }),
    );
  },
);

test('lines are found wherever the stream is cut, also within a character', async () => {
  const bytes = Buffer.from('{"stream":"ä"}\n\n{"id":"x"}');
  async function* chunks() {
    for (const byte of bytes) yield Buffer.from([byte]);
  }
  const events = [];
  for await (const line of readLines(chunks())) events.push(parsePullEvent(line));
  expect(events).toEqual([{ stream: 'ä' }, undefined, { id: 'x' }]);
  expect(() => parsePullEvent('<html>')).toThrow('no JSON of a pull: <html>');
});
