import { expect, test } from 'vitest';
import { createPullDisplay } from './pull-display.ts';

const progress = (bytesDone: number) => ({
  bytesDone,
  bytesTotal: 10_000_000,
  bytesCached: 0,
  blobs: [
    { digest: `sha256:${'ab'.repeat(32)}`, state: 'pulling', bytesDone: bytesDone / 2, bytesTotal: 5_000_000 } as const,
    { digest: `sha256:${'cd'.repeat(32)}`, state: 'done', bytesDone: 1, bytesTotal: 1 } as const,
  ],
});

test('in a terminal there is a bar for all and one for each blob that is being pulled', () => {
  let time = 0;
  const written: string[] = [];
  const display = createPullDisplay({ write: (text) => written.push(text), isTerminal: true, now: () => time });
  display.show(progress(5_000_000));
  display.show(progress(6_000_000));
  time = 200;
  display.show(progress(10_000_000));
  display.end();
  expect(written).toEqual([
    'Pulling [############            ] 5.0 of 10.0 MB\n  abababababab [############            ] 2.5 of 5.0 MB\n',
    '\u001b[2A\u001b[J',
    'Pulling [########################] 10.0 of 10.0 MB\n  abababababab [########################] 5.0 of 5.0 MB\n',
    '\u001b[2A\u001b[J',
  ]);
});

test('elsewhere there is a line now and then', () => {
  let time = 0;
  const written: string[] = [];
  const display = createPullDisplay({ write: (text) => written.push(text), isTerminal: false, now: () => time });
  display.show(progress(1));
  time = 10_000;
  display.show(progress(5_000_000));
  display.show({ ...progress(6_000_000), bytesTotal: 0 });
  display.end();
  expect(written).toEqual(['Pulling: 5.0 of 10.0 MB\n']);
});
