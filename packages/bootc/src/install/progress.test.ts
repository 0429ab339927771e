import { expect, test } from 'vitest';
import { createInstallUi } from './progress.ts';

function watch(isTerminal: boolean) {
  const seen = { output: '', error: '', records: [] as unknown[] };
  let time = 0;
  const ui = createInstallUi({
    writeOutput: (text) => {
      seen.output += text;
    },
    writeError: (text) => {
      seen.error += text;
    },
    writeRecord: (line) => seen.records.push(JSON.parse(line)),
    isTerminal,
    now: () => time,
  });
  return {
    ui,
    seen,
    wait: (ms: number) => {
      time += ms;
    },
  };
}

test('without a terminal: one line a step, and every ten seconds one of how far it is', () => {
  const { ui, seen, wait } = watch(false);
  ui.begin('prepare');
  wait(1500);
  ui.print('Installing image: docker://example');
  ui.begin('import');
  for (let second = 1; second <= 20; second++) {
    wait(1000);
    ui.advance(second * 10e6, 200e6);
  }
  wait(340);
  ui.end('done');
  expect(seen.output).toBe('Installing image: docker://example\n');
  expect(seen.error).toBe(`[1/7] Check image and disk: done in 1.5 s
[4/7] Import image: 50 %, 100 of 200 MB, 10.0 s
[4/7] Import image: 100 %, 200 MB, 20.0 s
[4/7] Import image: done in 20.3 s, 200 MB
`);
});

test('on a terminal one line is written again and again, and other lines do not run into it', () => {
  const { ui, seen, wait } = watch(true);
  ui.begin('import');
  wait(200);
  ui.advance(50e6, 200e6);
  ui.warn('odd');
  ui.end('failed');
  expect(seen.error.split('\r\u001b[K')).toEqual([
    '',
    '[4/7] Import image 0.0 s',
    '[4/7] Import image [######                  ] 50 of 200 MB 0.2 s',
    'warning: odd\n[4/7] Import image: failed after 0.2 s\n',
  ]);
});

test('records for programs never fall, come five times a second at most, and end with the outcome', () => {
  const { ui, seen, wait } = watch(false);
  ui.begin('format');
  ui.begin('import');
  for (let step = 1; step <= 40; step++) {
    wait(50);
    ui.advance(step * 1e6, 40e6);
  }
  ui.begin('finish');
  ui.end('done');
  expect(seen.records.slice(0, 3)).toEqual([
    { step: 'format', percent: 5, bytesDone: 0, bytesTotal: 0 },
    { step: 'import', percent: 10, bytesDone: 0, bytesTotal: 0 },
    { step: 'import', percent: 17, bytesDone: 4e6, bytesTotal: 40e6 },
  ]);
  expect(seen.records.at(-1)).toMatchObject({ step: 'done', percent: 100 });
  expect(seen.records).toHaveLength(2 + 10 + 2);
});
